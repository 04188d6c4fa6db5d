import { Module } from '@nestjs/common';
import { ContactModule } from '../contact/contact.module';
import { ProjectsModule } from '../projects/projects.module';
import { AdminController } from './admin.controller';
import { LoginController } from './login.controller';
import { SessionsModule } from './sessions.module';

@Module({ imports: [SessionsModule, ProjectsModule, ContactModule], controllers: [LoginController, AdminController] })
export class AdminModule {}
