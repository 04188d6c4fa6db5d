import { testEngine } from '../docker/engine.ts';
import { releaseStory } from './kit/story.ts';

const engine = testEngine();

releaseStory({
  name: 'Docker',
  settings: 'missing' in engine ? engine : { SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: engine.host },
});
