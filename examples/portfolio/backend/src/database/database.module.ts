import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config';
import { Database } from './database';
import { PostgresDatabase } from './postgres-database';
import { SqliteDatabase } from './sqlite-database';

@Global()
@Module({
  providers: [
    {
      provide: Database,
      inject: [CONFIG],
      useFactory: ({ databaseUrl, dataDir }: Config): Database =>
        databaseUrl ? new PostgresDatabase(databaseUrl) : new SqliteDatabase(dataDir),
    },
  ],
  exports: [Database],
})
export class DatabaseModule {}
