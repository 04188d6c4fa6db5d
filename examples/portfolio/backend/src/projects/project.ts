import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, IsUrl, Length, Matches, Max, MaxLength, Min } from 'class-validator';

const trim = ({ value }: { value: unknown }): unknown => (typeof value === 'string' ? value.trim() : value);

/** What the author of a project writes. */
export class ProjectInput {
  @Transform(trim)
  @Matches(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { message: 'slug must be lower-case words joined by hyphens' })
  @MaxLength(80)
  slug!: string;

  @Transform(trim)
  @IsString()
  @Length(1, 120)
  title!: string;

  @Transform(trim)
  @IsString()
  @Length(1, 2000)
  summary!: string;

  @IsOptional()
  @Transform(trim)
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true })
  @MaxLength(500)
  url?: string;

  @IsArray()
  @ArrayMaxSize(12)
  @IsString({ each: true })
  @Length(1, 40, { each: true })
  tags: string[] = [];

  @Type(() => Number)
  @IsInt()
  @Min(1970)
  @Max(2100)
  year!: number;
}

export interface Project {
  id: string;
  slug: string;
  title: string;
  summary: string;
  url: string | null;
  tags: string[];
  year: number;
  createdAt: string;
  updatedAt: string;
}
