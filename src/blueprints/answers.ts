import { SignalboxError } from '../domain/errors.ts';

/** What can be chosen of a kind of files; the first choice is taken where nothing is said. */
export type Questions = Readonly<Record<string, { readonly choices: readonly string[]; readonly says: string }>>;
export type Answers = Readonly<Record<string, string>>;

/** The command that makes the files of a kind with these answers; only what differs from the presets is named. */
export function commandFor(name: string, questions: Questions, answers: Answers): string {
  const said = Object.entries(questions).flatMap(([key, { choices }]) => {
    const answer = answers[key];
    return answer === undefined || answer === choices[0] ? [] : [` --${key} ${answer}`];
  });
  return `${name}${said.join('')}`;
}

/** The answers that stand in the first lines of a file that was made before; what is no choice any more is left out. */
export function rememberedAnswers(text: string, name: string, questions: Questions): Answers {
  const words = new RegExp(`^# Made by \`signalbox generate ${name}((?: --[a-z]+ [a-z]+)*)\``, 'm').exec(text.slice(0, 400))?.[1];
  const found: Record<string, string> = {};
  for (const [, key = '', answer = ''] of (words ?? '').matchAll(/ --([a-z]+) ([a-z]+)/g))
    if (Object.hasOwn(questions, key) && questions[key]?.choices.includes(answer) === true) found[key] = answer;
  return found;
}

/** What is said now, else what was said before, else the presets. @throws WRONG_USAGE for an answer to no question. */
export function settle(
  name: string,
  questions: Questions,
  answers: { readonly given: Answers; readonly before: Answers },
): Answers {
  for (const [key, answer] of Object.entries(answers.given)) {
    const question = Object.hasOwn(questions, key) ? questions[key] : undefined;
    if (question === undefined) throw new SignalboxError('WRONG_USAGE', `${name} has no --${key}.`);
    if (!question.choices.includes(answer))
      throw new SignalboxError('WRONG_USAGE', `--${key} ${JSON.stringify(answer)}: expected ${question.choices.join(' or ')}.`);
  }
  return Object.fromEntries(
    Object.entries(questions).map(([key, { choices }]) => [key, answers.given[key] ?? answers.before[key] ?? choices[0] ?? '']),
  );
}
