import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { registry } from './registry';

/** Outside /api, so that a public route on /api does not publish it. */
@Controller('metrics')
export class MetricsController {
  @Get()
  async metrics(@Res() response: Response): Promise<void> {
    response.type(registry.contentType).send(await registry.metrics());
  }
}
