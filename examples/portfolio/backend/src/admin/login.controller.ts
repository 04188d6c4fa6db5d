import { Body, Controller, ForbiddenException, Get, Inject, Logger, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CONFIG, type Config } from '../config';
import { logins } from '../metrics/registry';
import { Throttle } from '../throttle';
import { sendPage } from './page';
import { verifyPassword } from './password';
import { SESSION_COOKIE, sessionCookieOptions, sessionTokenOf } from './session-cookie';
import { SessionGuard } from './session.guard';
import { SessionsRepository, csrfTokenOf } from './sessions.repository';
import { loginView } from './views';

const FIFTEEN_MINUTES = 900_000;

@Controller('admin')
export class LoginController {
  private readonly logger = new Logger('Login');
  private readonly failures = new Throttle(10, FIFTEEN_MINUTES);

  constructor(
    private readonly sessions: SessionsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('login')
  form(@Res() response: Response): void {
    if (!this.config.adminPasswordHash) return sendPage(response, 503, loginView('ADMIN_PASSWORD_HASH is not set: nobody can log in.'));
    sendPage(response, 200, loginView());
  }

  @Post('login')
  async login(@Body() fields: { password?: unknown } | undefined, @Req() request: Request, @Res() response: Response): Promise<void> {
    const expected = this.config.adminPasswordHash;
    if (!expected) return this.form(response);
    if (request.get('sec-fetch-site') === 'cross-site') throw new ForbiddenException('Log in from the login page');
    const address = request.ip ?? '';
    if (!this.failures.take(address)) {
      logins.inc({ result: 'throttled' });
      return sendPage(response, 429, loginView('Too many attempts. Try again in a quarter of an hour.'));
    }
    const password = typeof fields?.password === 'string' ? fields.password : '';
    if (!(await verifyPassword(password, expected))) {
      logins.inc({ result: 'refused' });
      this.logger.warn(`wrong password from ${address}`);
      return sendPage(response, 401, loginView('That is not the password.'));
    }
    this.failures.clear(address);
    logins.inc({ result: 'accepted' });
    const { token, maxAgeMs } = await this.sessions.open();
    response.cookie(SESSION_COOKIE, token, { ...sessionCookieOptions(request), maxAge: maxAgeMs });
    response.redirect(303, '/api/admin');
  }

  /** For scripts: the CSRF token to send as X-CSRF-Token. */
  @Get('session')
  @UseGuards(SessionGuard)
  session(@Req() request: Request): { csrfToken: string } {
    return { csrfToken: csrfTokenOf(sessionTokenOf(request) ?? '') };
  }

  @Post('logout')
  @UseGuards(SessionGuard)
  async logout(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.sessions.close(sessionTokenOf(request) ?? '');
    response.clearCookie(SESSION_COOKIE, sessionCookieOptions(request));
    response.redirect(303, '/api/admin/login');
  }
}
