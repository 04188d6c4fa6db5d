import { Body, Controller, HttpException, HttpStatus, Inject, Ip, Post } from '@nestjs/common';
import { CONFIG, type Config } from '../config';
import { messagesReceived } from '../metrics/registry';
import { Throttle } from '../throttle';
import { MessageInput } from './message';
import { MessagesRepository } from './messages.repository';

const TEN_MINUTES = 600_000;

@Controller('contact')
export class ContactController {
  private readonly throttle: Throttle;

  constructor(
    private readonly messages: MessagesRepository,
    @Inject(CONFIG) config: Config,
  ) {
    this.throttle = new Throttle(config.contactLimit, TEN_MINUTES);
  }

  @Post()
  async send(@Body() input: MessageInput, @Ip() address: string): Promise<{ received: true }> {
    if (!this.throttle.take(address)) {
      throw new HttpException('Too many messages from your address; try again in ten minutes', HttpStatus.TOO_MANY_REQUESTS);
    }
    if (!input.website) {
      await this.messages.add(input);
      messagesReceived.inc();
    }
    return { received: true };
  }
}
