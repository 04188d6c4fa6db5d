import { Controller, Get, Header, Logger, ServiceUnavailableException } from '@nestjs/common';
import { Database } from '../database/database';

@Controller('health')
export class HealthController {
  private readonly logger = new Logger('Health');

  constructor(private readonly database: Database) {}

  /** 503 while the database cannot be asked, or has none of our tables yet. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async health(): Promise<object> {
    try {
      const [row] = await this.database.query('SELECT count(*) AS migrations FROM schema_migrations');
      const migrations = Number(row?.migrations);
      return { status: 'ok', database: { kind: this.database.kind, state: 'up', migrations } };
    } catch (error) {
      this.logger.warn(error instanceof Error ? error.message : String(error));
      throw new ServiceUnavailableException({ status: 'unavailable', database: { kind: this.database.kind, state: 'down' } });
    }
  }
}
