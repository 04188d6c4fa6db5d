import { Transform } from 'class-transformer';
import { IsEmail, IsOptional, IsString, Length, MaxLength } from 'class-validator';

const trim = ({ value }: { value: unknown }): unknown => (typeof value === 'string' ? value.trim() : value);

export class MessageInput {
  @Transform(trim)
  @IsString()
  @Length(1, 120)
  name!: string;

  @Transform(trim)
  @IsEmail()
  @MaxLength(254)
  email!: string;

  @Transform(trim)
  @IsString()
  @Length(10, 5000)
  message!: string;

  /** A field that people do not see. What fills it in is a robot. */
  @IsOptional()
  @IsString()
  website?: string;
}

export interface Message {
  id: string;
  name: string;
  email: string;
  body: string;
  createdAt: string;
}
