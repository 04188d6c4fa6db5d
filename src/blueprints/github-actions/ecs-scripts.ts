import { script } from './yaml.ts';

/**
 * The steps that ship to Amazon ECS, for bash with `-e -o pipefail`. They take everything from variables: what stands in a script by an
 * expression could be code. Each prints `::error::` with its reason before it fails.
 */

/** ECS_CLUSTER, AWS_REGION, TAG. */
export const checkSettings = script(
  'for name in AWS_REGION ECS_CLUSTER; do',
  '  if [[ -z ${!name} ]]; then',
  '    echo "::error::The variable $name is not set: Settings, Secrets and variables, Actions, Variables."',
  '    exit 1',
  '  fi',
  'done',
  'if [[ ! $TAG =~ ^[0-9a-f]{40}$ ]]; then',
  '  echo "::error::$TAG is no full commit: all 40 digits are needed."',
  '  exit 1',
  'fi',
);

/** REPOSITORY, TAG, AGAIN. Output: `present`. Only "there is none" is taken for none. */
export const lookForImage = script(
  'if found=$(aws ecr describe-images --repository-name "$REPOSITORY" --image-ids "imageTag=$TAG" 2>&1); then',
  '  echo "present=true" >> "$GITHUB_OUTPUT"',
  'elif [[ $found != *ImageNotFoundException* ]]; then',
  '  echo "$found"',
  '  echo "::error::The registry could not be asked for $REPOSITORY."',
  '  exit 1',
  'elif [[ $AGAIN == true ]]; then',
  '  echo "::error::There is no image $REPOSITORY:$TAG to ship again."',
  '  exit 1',
  'else',
  '  echo "present=false" >> "$GITHUB_OUTPUT"',
  'fi',
);

/** ECS_CLUSTER, SERVICE, CONTAINER, IMAGE. Output: `definition`. */
export const registerDefinition = script(
  'current=$(aws ecs describe-services --cluster "$ECS_CLUSTER" --services "$SERVICE" --query \'services[0].taskDefinition\' --output text)',
  'if [[ -z $current || $current == None ]]; then',
  '  echo "::error::There is no service $SERVICE in the cluster $ECS_CLUSTER."',
  '  exit 1',
  'fi',
  '# The newest revision of its family: what was changed in the infrastructure since comes along.',
  'family=${current##*/}',
  'aws ecs describe-task-definition --task-definition "${family%:*}" --query taskDefinition --output json > current.json',
  'if ! jq -e --arg name "$CONTAINER" \'any(.containerDefinitions[]; .name == $name)\' current.json > /dev/null; then',
  '  echo "::error::The task definition ${family%:*} has no container $CONTAINER."',
  '  exit 1',
  'fi',
  'jq --arg name "$CONTAINER" --arg image "$IMAGE" \'',
  '  (.containerDefinitions[] | select(.name == $name)).image = $image',
  '  | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy, .deregisteredAt)',
  "' current.json > next.json",
  "definition=$(aws ecs register-task-definition --cli-input-json file://next.json --query 'taskDefinition.taskDefinitionArn' --output text)",
  'echo "definition=$definition" >> "$GITHUB_OUTPUT"',
);

/** ECS_CLUSTER, SERVICE, CONTAINER, DEFINITION, RELEASE, RELEASE_SECONDS. The service goes on as it is until this has ended well. */
export const runRelease = script(
  'network=$(aws ecs describe-services --cluster "$ECS_CLUSTER" --services "$SERVICE" --query \'services[0].networkConfiguration\' --output json)',
  'overrides=$(jq -nc --arg name "$CONTAINER" --arg run "$RELEASE" \'{containerOverrides: [{name: $name, command: ["/bin/sh", "-c", $run]}]}\')',
  'started=$(aws ecs run-task --cluster "$ECS_CLUSTER" --task-definition "$DEFINITION" --launch-type FARGATE \\',
  '  --network-configuration "$network" --overrides "$overrides" --started-by "github-$GITHUB_RUN_ID" --output json)',
  'task=$(jq -r \'.tasks[0].taskArn // empty\' <<< "$started")',
  'if [[ -z $task ]]; then',
  '  jq -c .failures <<< "$started"',
  '  echo "::error::The release command of $SERVICE was not started."',
  '  exit 1',
  'fi',
  'until [[ $(aws ecs describe-tasks --cluster "$ECS_CLUSTER" --tasks "$task" --query \'tasks[0].lastStatus\' --output text) == STOPPED ]]; do',
  '  if (( SECONDS > RELEASE_SECONDS )); then',
  '    aws ecs stop-task --cluster "$ECS_CLUSTER" --task "$task" --reason "It took longer than $RELEASE_SECONDS s" > /dev/null',
  '    echo "::error::The release command of $SERVICE took longer than $RELEASE_SECONDS s and was stopped. Nothing was shipped."',
  '    exit 1',
  '  fi',
  '  sleep 5',
  'done',
  'ended=$(aws ecs describe-tasks --cluster "$ECS_CLUSTER" --tasks "$task" --output json)',
  'code=$(jq -r --arg name "$CONTAINER" \'.tasks[0].containers[] | select(.name == $name) | .exitCode\' <<< "$ended")',
  'if [[ $code != 0 ]]; then',
  '  jq -r \'.tasks[0].stoppedReason // empty\' <<< "$ended"',
  '  echo "::error::The release command of $SERVICE ended with ${code/null/no exit code}; its output is in the log group of the task. Nothing was shipped."',
  '  exit 1',
  'fi',
);

/** ECS_CLUSTER, SERVICE, DEFINITION. */
export const updateService = script(
  'aws ecs update-service --cluster "$ECS_CLUSTER" --service "$SERVICE" --task-definition "$DEFINITION" > /dev/null',
);

/** ECS_CLUSTER, SERVICE, DEFINITION. Stable is not enough: the circuit breaker makes the old revision stable again. */
export const waitUntilStable = script(
  'events() {',
  '  aws ecs describe-services --cluster "$ECS_CLUSTER" --services "$SERVICE" --query \'services[0].events[:5].message\' --output text',
  '}',
  '# Each wait lasts ten minutes at most.',
  'if ! aws ecs wait services-stable --cluster "$ECS_CLUSTER" --services "$SERVICE" &&',
  '  ! aws ecs wait services-stable --cluster "$ECS_CLUSTER" --services "$SERVICE"; then',
  '  events',
  '  echo "::error::$SERVICE did not become stable within 20 minutes."',
  '  exit 1',
  'fi',
  'serving=$(aws ecs describe-services --cluster "$ECS_CLUSTER" --services "$SERVICE" \\',
  '  --query "services[0].deployments[?status==\'PRIMARY\'].taskDefinition | [0]" --output text)',
  'if [[ $serving != "$DEFINITION" ]]; then',
  '  events',
  '  echo "::error::$SERVICE has gone back to ${serving##*/}: the new version did not become healthy."',
  '  exit 1',
  'fi',
);

/** DISTRIBUTION. */
export const invalidate = script(
  'invalidation=$(aws cloudfront create-invalidation --distribution-id "$DISTRIBUTION" --paths \'/*\' --query Invalidation.Id --output text)',
  'aws cloudfront wait invalidation-completed --distribution-id "$DISTRIBUTION" --id "$invalidation"',
);

/** FOLDER, BUCKET. Names say nothing of their content, so every answer is asked for again. */
export const syncSite = script(
  'if [[ -z $BUCKET ]]; then',
  '  echo "::error::The variable SITE_BUCKET is not set: Settings, Secrets and variables, Actions, Variables."',
  '  exit 1',
  'fi',
  'aws s3 sync "$FOLDER" "s3://$BUCKET" --delete --exclude ".*" --exclude "*/.*" --cache-control no-cache',
);

/** SIGNALBOX_URL, SIGNALBOX_TOKEN, APP, GITHUB_SHA. The token is in no argument and in no file; a push that is not live in the end is refused. */
export const pushToSignalbox = script(
  'for name in SIGNALBOX_URL SIGNALBOX_TOKEN; do',
  '  if [[ -z ${!name} ]]; then',
  '    echo "::error::The secret $name is not set: Settings, Secrets and variables, Actions."',
  '    exit 1',
  '  fi',
  'done',
  'git -c credential.helper= \\',
  '  -c \'credential.helper=!f() { test "$1" = get && printf "username=github\\npassword=%s\\n" "$SIGNALBOX_TOKEN"; }; f\' \\',
  '  push "${SIGNALBOX_URL%/}/git/$APP.git" "$GITHUB_SHA:refs/heads/main"',
);
