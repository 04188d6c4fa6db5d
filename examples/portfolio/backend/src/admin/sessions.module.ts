import { Module } from '@nestjs/common';
import { SessionGuard } from './session.guard';
import { SessionsRepository } from './sessions.repository';

@Module({ providers: [SessionsRepository, SessionGuard], exports: [SessionsRepository, SessionGuard] })
export class SessionsModule {}
