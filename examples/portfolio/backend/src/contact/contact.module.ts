import { Module } from '@nestjs/common';
import { ContactController } from './contact.controller';
import { MessagesRepository } from './messages.repository';

@Module({ controllers: [ContactController], providers: [MessagesRepository], exports: [MessagesRepository] })
export class ContactModule {}
