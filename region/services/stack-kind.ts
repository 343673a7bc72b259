import type { ResourceKind, ResourceRequest } from './stacks.ts';

// biome-ignore lint/suspicious/noExplicitAny: properties are as the template has them; what matters is checked.
export type Properties = Record<string, any>;

/**
 * A resource type that takes these properties (their names, with spaces between) and no others, or any if
 * none are named, since they are only recorded. `create`
 * answers the physical id, and beside it what Fn::GetAtt can ask for.
 */
export function kind(
  properties: string | undefined,
  create: (properties: Properties, request: ResourceRequest) => { id: string; [attribute: string]: unknown },
): ResourceKind {
  return {
    ...(properties !== undefined && { properties: properties.split(' ') }),
    create(request) {
      const { id, ...attributes } = create(request.properties, request);
      return { id, attributes };
    },
  };
}
