import type { Command } from 'commander';
import type { CommonOptions, Invocation } from './invocation.ts';

/** Runs a verb once the command line is understood; everything heavy is loaded only then. */
export type RunVerb = (options: CommonOptions, verb: (invocation: Invocation) => Promise<number>) => Promise<void>;

/** A verb with the options that all have. */
export type MakeVerb = (usage: string, summary: string, example: string) => Command;
