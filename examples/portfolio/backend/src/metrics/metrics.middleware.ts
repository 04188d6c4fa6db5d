import { Injectable, type NestMiddleware } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { requestSeconds } from './registry';

@Injectable()
export class MetricsMiddleware implements NestMiddleware {
  use(request: Request, response: Response, next: NextFunction): void {
    const stop = requestSeconds.startTimer({ method: request.method });
    response.on('finish', () => {
      const route: unknown = request.route?.path;
      stop({ route: typeof route === 'string' ? route : 'unmatched', status: response.statusCode });
    });
    next();
  }
}
