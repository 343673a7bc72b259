import { TemplateError } from './template-intrinsics.ts';

/** What somebody wants to do, as the policies of an identity or of a resource see it. */
export interface Request {
  /** `ssm:SendCommand` */
  action: string;
  /** An ARN, or `*` where the action has no resources. */
  resource: string;
  /** Condition keys, in lower case. One that is missing doesn't hold for this request. */
  keys?: Record<string, string>;
  /** The service that asks, for a resource's own policy: `events.amazonaws.com`. */
  principal?: string;
}

type Matches = (value: string) => boolean;

interface Pattern {
  /** As it is written. */
  text: string;
  matches: Matches;
}

/** A statement of a policy, read once. */
export interface Statement {
  effect: 'Allow' | 'Deny';
  actions: Pattern[];
  resources: Pattern[];
  principals: readonly string[] | undefined;
  holds(keys: Record<string, string>): boolean;
}

export type Verdict = 'allowed' | 'denied' | 'explicitly denied';

/**
 * What policies say of a request: an explicit deny wins, and what nothing allows is denied (IAM User Guide,
 * policy evaluation logic).
 */
export function judge(statements: Statement[], request: Request): Verdict {
  return verdictOf(meaning(statements, request));
}

/** Of the statements that speak of a request. */
export function verdictOf(meant: Statement[]): Verdict {
  if (meant.some(({ effect }) => effect === 'Deny')) return 'explicitly denied';
  return meant.length > 0 ? 'allowed' : 'denied';
}

/** For a resource's own policy, such as a queue's or a topic's. */
export const allows = (statements: Statement[], request: Request): boolean =>
  judge(statements, request) === 'allowed';

/** The statements that speak of a request. */
export function meaning(statements: Statement[], request: Request): Statement[] {
  const { action, resource, keys = {}, principal } = request;
  return statements.filter(
    (one) =>
      one.actions.some(({ matches }) => matches(action)) &&
      (one.principals === undefined || one.principals.includes(principal ?? '')) &&
      one.resources.some(({ matches }) => matches(resource)) &&
      one.holds(keys),
  );
}

const elements = {
  identity: ['Sid', 'Effect', 'Action', 'Resource', 'Condition'],
  resource: ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'],
};

/**
 * Reads a policy's document.
 *
 * @param kind Whose policy it is: a resource's own names principals, of which only services are known.
 * @throws TemplateError for whatever the region doesn't evaluate: nothing is ignored.
 */
export function readPolicy(document: unknown, kind: keyof typeof elements): Statement[] {
  // The versions of the language differ in policy variables alone, and those are refused.
  const { Version: _, Id: __, Statement: statements, ...others } = document as Record<string, unknown>;
  refuse(Object.keys(others)[0], 'element');
  return list(statements).map((statement) => readStatement(statement as Record<string, unknown>, kind));
}

function readStatement(statement: Record<string, unknown>, kind: keyof typeof elements): Statement {
  const { Effect: effect, Action, Resource, Condition = {}, Principal } = statement;
  refuse(
    Object.keys(statement).find((element) => !elements[kind].includes(element)),
    'element',
  );
  if (effect !== 'Allow' && effect !== 'Deny')
    throw new TemplateError(`a statement's Effect is Allow or Deny, not ${effect}`);
  const conditions = Object.entries(Condition as object).flatMap(([operator, keys]) =>
    Object.entries(keys as object).map(([key, values]) => readCondition(operator, key, list(values))),
  );
  return {
    effect,
    actions: texts('Action', Action).map((text) => ({ text, matches: likeAction(text) })),
    resources: texts('Resource', Resource).map((text) => ({ text, matches: likeArn(text) })),
    principals: kind === 'resource' ? readPrincipal(Principal) : undefined,
    holds: (keys) => conditions.every((condition) => condition(keys)),
  };
}

function readPrincipal(principal: unknown): string[] {
  const { Service, ...others } = (principal ?? {}) as Record<string, unknown>;
  if (Service === undefined || Object.keys(others).length > 0)
    throw new TemplateError(
      `Principal ${JSON.stringify(principal)} is no service, and not known to the region`,
    );
  return list(Service).map(String);
}

/** What each compares: the request's value, if it has one, with one of the policy's. */
const operators: Record<string, (value: string) => Matches> = {
  StringEquals: (value) => (found) => found === value,
  StringLike: (value) => like(value),
  ArnEquals: (value) => likeArn(value),
  ArnLike: (value) => likeArn(value),
};
const conditionKeys =
  /^(aws:resourcetag\/.+|aws:source(arn|account)|ssm:resourcetag\/.+|events:(source|detail-type))$/;

function readCondition(operator: string, key: string, values: unknown[]) {
  const compare = operators[operator];
  if (!compare) throw new TemplateError(`condition operator ${operator} is not known to the region`);
  const name = key.toLowerCase();
  if (!conditionKeys.test(name)) throw new TemplateError(`condition key ${key} is not known to the region`);
  const expected = texts(key, values).map(compare);
  return (keys: Record<string, string>): boolean => {
    const found = keys[name];
    return found !== undefined && expected.some((matches) => matches(found));
  };
}

function texts(what: string, value: unknown): string[] {
  const found = list(value).map(String);
  if (value === undefined || found.length === 0) throw new TemplateError(`a statement has no ${what}`);
  refuse(
    found.find((text) => text.includes('${')),
    'policy variable',
  );
  return found;
}

/** In an ARN a `*` stays within its part; the last part may hold colons itself. */
function likeArn(pattern: string): Matches {
  if (pattern === '*') return () => true;
  const parts = pattern.split(':');
  if (parts.length < 6) throw new TemplateError(`${pattern} is no ARN`);
  const head = parts.slice(0, 5).map((part) => expressionOf(part, '[^:]'));
  return matching([...head, expressionOf(parts.slice(5).join(':'), '.')].join(':'));
}

/** `*` stands for any characters, `?` for one. */
function like(pattern: string): Matches {
  return matching(expressionOf(pattern, '.'));
}

/** Actions are the same in large and small letters. */
function likeAction(pattern: string): Matches {
  const matches = like(pattern.toLowerCase());
  const exact = !/[*?]/.test(pattern);
  return (action) => (!exact || action.length === pattern.length) && matches(action.toLowerCase());
}

const expressionOf = (pattern: string, any: string): string =>
  pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/[*?]/g, (it) => (it === '*' ? `${any}*` : any));

function matching(expression: string): Matches {
  const whole = new RegExp(`^${expression}$`, 's');
  return (value) => whole.test(value);
}

const list = (value: unknown): unknown[] => [value].flat();

function refuse(found: string | undefined, what: string): void {
  if (found !== undefined) throw new TemplateError(`${what} ${found} is not known to the region`);
}
