import { releaseStory } from './kit/story.ts';

releaseStory({ name: 'processes', settings: {} });
