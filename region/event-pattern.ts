/** An event as EventBridge hands it to a target, or any part of one. */
type Json = unknown;
type Matcher = (value: Json, present: boolean) => boolean;

/** Answers whether an event matches the pattern that it was compiled from. */
export type EventPattern = (event: Json) => boolean;

export class EventPatternError extends Error {
  override name = 'InvalidEventPatternException';
}

/**
 * Compiles an EventBridge event pattern: exact values, prefix, suffix, equals-ignore-case, anything-but, exists.
 * @throws EventPatternError for any other matcher, and for what is no pattern.
 */
export function compilePattern(pattern: unknown): EventPattern {
  if (!isObject(pattern) || Object.keys(pattern).length === 0) {
    throw new EventPatternError('Event pattern is not valid. Reason: Filter is not an object');
  }
  const match = compileObject(pattern, '');
  return (event) => match(event, true);
}

function compileObject(pattern: Record<string, unknown>, path: string): Matcher {
  const fields = Object.entries(pattern).map(([key, inner]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (key === '$or') return [key, compileAlternatives(inner, path)] as const;
    if (isObject(inner)) return [key, compileObject(inner, at)] as const;
    if (!Array.isArray(inner) || inner.length === 0) {
      throw new EventPatternError(
        `Event pattern is not valid. Reason: "${at}" must be an object or an array`,
      );
    }
    return [key, anyOf(inner.map((item) => compileMatcher(item, at)))] as const;
  });
  return (value) =>
    fields.every(([key, match]) => {
      if (key === '$or') return match(value, true);
      const present = isObject(value) && Object.hasOwn(value, key);
      return match(present ? value[key] : undefined, present);
    });
}

/** `$or`: one of several patterns for what stands beside it. */
function compileAlternatives(patterns: unknown, path: string): Matcher {
  if (!Array.isArray(patterns) || patterns.length < 2 || !patterns.every(isObject)) {
    throw new EventPatternError('Event pattern is not valid. Reason: "$or" must be an array of objects');
  }
  const matchers = patterns.map((pattern) => compileObject(pattern, path));
  return (value, present) => matchers.some((match) => match(value, present));
}

function compileMatcher(item: unknown, path: string): Matcher {
  if (!isObject(item)) return (value, present) => present && value === item;
  const [[kind, argument] = ['', undefined], ...others] = Object.entries(item);
  if (others.length > 0)
    throw new EventPatternError(`Event pattern: only one key allowed in a matcher of "${path}"`);
  if (kind === 'exists' && typeof argument === 'boolean') return (_, present) => present === argument;
  if (kind === 'anything-but') {
    const refused = anyOf([argument].flat().map((inner) => compileMatcher(inner, path)));
    return (value, present) => present && !refused(value, true);
  }
  const compare = COMPARISONS[kind];
  if (!compare || typeof argument !== 'string') {
    throw new EventPatternError(`Event pattern: unrecognized match type ${kind} at "${path}"`);
  }
  return (value) => typeof value === 'string' && compare(value, argument);
}

const COMPARISONS: Record<string, (value: string, argument: string) => boolean> = {
  prefix: (value, argument) => value.startsWith(argument),
  suffix: (value, argument) => value.endsWith(argument),
  'equals-ignore-case': (value, argument) => value.toLowerCase() === argument.toLowerCase(),
};

/** Matches when one matcher does; for an array in the event, when one of its elements does. */
function anyOf(matchers: Matcher[]): Matcher {
  return (value, present) => {
    const values = Array.isArray(value) && value.length > 0 ? value : [value];
    return values.some((one) => matchers.some((match) => match(one, present)));
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
