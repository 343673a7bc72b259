import type { Clock } from '../ports.ts';
import { dependenciesOf } from '../template.ts';
import type { Stack, StackResource } from './stacks.ts';

/** Begins to remove a resource; throws why it can't be. */
export type Take = (logicalId: string, resource: StackResource) => void;

interface Taking {
  clock: Clock;
  stepMs: number;
  take: Take;
  isGone(resource: StackResource): boolean;
}

/**
 * Takes a stack's resources away as CloudFormation does: each as soon as nothing that is left refers to it. What
 * is independent goes at once, however long something else takes. One that can't be removed ends it in
 * DELETE_FAILED, with what is left by then.
 */
export function takeAway(stack: Stack, { clock, stepMs, take, isGone }: Taking, done: () => void): void {
  const { template, resources } = stack;
  const leaving = new Set<string>();
  const isKept = (logicalId: string) => template.Resources[logicalId]?.DeletionPolicy?.startsWith('Retain');
  const advance = (): void => {
    for (const logicalId of leaving) {
      if (!isKept(logicalId) && !isGone(resources.get(logicalId)!)) continue;
      leaving.delete(logicalId);
      resources.delete(logicalId);
    }
    const needed = new Set([...resources.keys()].flatMap((logicalId) => dependenciesOf(template, logicalId)));
    for (const [logicalId, resource] of resources) {
      if (needed.has(logicalId) || leaving.has(logicalId)) continue;
      leaving.add(logicalId);
      if (!isKept(logicalId)) take(logicalId, resource);
    }
  };
  const step = (): void => {
    try {
      advance();
    } catch (error) {
      stack.status = 'DELETE_FAILED';
      stack.reason = (error as Error).message;
      return;
    }
    if (resources.size === 0) done();
    else clock.after(stepMs, step);
  };
  step();
}
