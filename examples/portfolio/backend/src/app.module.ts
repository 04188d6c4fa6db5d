import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { AdminModule } from './admin/admin.module';
import { ConfigModule } from './config.module';
import { ContactModule } from './contact/contact.module';
import { DatabaseModule } from './database/database.module';
import { HealthController } from './health/health.controller';
import { MetricsController } from './metrics/metrics.controller';
import { MetricsMiddleware } from './metrics/metrics.middleware';
import { ProjectsModule } from './projects/projects.module';

@Module({
  imports: [ConfigModule, DatabaseModule, ProjectsModule, ContactModule, AdminModule],
  controllers: [HealthController, MetricsController],
})
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(MetricsMiddleware).forRoutes('{*path}');
  }
}
