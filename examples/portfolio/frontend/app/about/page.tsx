import type { Metadata } from 'next';

export const metadata: Metadata = { title: 'About', description: 'Who Mira Holt is and how she works.' };

const years = [
  ['2023 to now', 'On my own', 'Tide tables, a letter archive, a waiting room.'],
  ['2018 to 2023', 'Northern Coastal Administration', 'Lead engineer for the notices to mariners: from fax to feed.'],
  ['2014 to 2018', 'Fjordlab', 'Sensors on salmon farms, and the dashboards nobody needed to look at any more.'],
] as const;

export default function AboutPage() {
  return (
    <div className="text">
      <h1>About</h1>
      <p>
        I am a software engineer in Tromsø. For twelve years I have built systems that are used in the rain, on old phones, by people who did not ask for
        them. That teaches two things: say what you do not know, and be fast.
      </p>
      <h2>How I work</h2>
      <ul>
        <li>I start where the work happens, with the people who do it, before there is a design.</li>
        <li>I ship in the first week, and then every week, to somebody who can say no.</li>
        <li>I leave behind what a stranger can run: tests, one command, a page of notes.</li>
      </ul>
      <h2>Where I have been</h2>
      <dl className="years">
        {years.map(([when, where, what]) => (
          <div key={when}>
            <dt>{when}</dt>
            <dd>
              <strong>{where}</strong> {what}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
