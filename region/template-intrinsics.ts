/** A template that CloudFormation would refuse, or that uses what the region doesn't know. */
export class TemplateError extends Error {
  override name = 'TemplateError';
}

/** What an expression can refer to. Each function throws TemplateError for an unknown name. */
export interface Scope {
  /** A parameter, a pseudo parameter or a resource's physical id. */
  ref(name: string): unknown;
  attribute(logicalId: string, attribute: string): unknown;
  condition(name: string): boolean;
  /** A value that another stack exports. */
  exported(name: string): string;
  /** Rules have functions of their own. */
  isOfRule?: true;
}

/** What Ref answers for AWS::NoValue: the property that holds it is left out. */
export const NO_VALUE = Symbol('AWS::NoValue');

const CONDITION_FUNCTIONS = ['Fn::Equals', 'Fn::And', 'Fn::Or', 'Fn::Not', 'Condition'];

/** The value of an expression, intrinsics replaced by what they stand for. */
export function evaluate(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => evaluate(item, scope)).filter((item) => item !== NO_VALUE);
  }
  if (value === null || typeof value !== 'object') return value;
  const intrinsic = intrinsicOf(value);
  if (intrinsic) return evaluateIntrinsic(intrinsic.name, intrinsic.argument, scope);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, evaluate(item, scope)] as const)
      .filter(([, item]) => item !== NO_VALUE),
  );
}

/** The truth of a condition's expression. */
export function isTrue(expression: unknown, scope: Scope): boolean {
  const intrinsic = intrinsicOf(expression);
  if (!intrinsic) throw new TemplateError(`Not a condition: ${JSON.stringify(expression)}`);
  const { name, argument } = intrinsic;
  if (name === 'Condition') return scope.condition(String(argument));
  const operands = list(name, argument);
  if (name === 'Fn::Equals' && operands.length === 2) {
    const [left, right] = operands.map((operand) => JSON.stringify(stringified(evaluate(operand, scope))));
    return left === right;
  }
  if (name === 'Fn::Not' && operands.length === 1) return !isTrue(operands[0], scope);
  if (name === 'Fn::And') return operands.every((operand) => isTrue(operand, scope));
  if (name === 'Fn::Or') return operands.some((operand) => isTrue(operand, scope));
  if (name === 'Fn::Contains' && scope.isOfRule === true && operands.length === 2) {
    const [all, one] = operands.map((operand) => stringified(evaluate(operand, scope)));
    return list(name, all).map(String).includes(String(one));
  }
  throw new TemplateError(`${name} is no condition function, or has the wrong number of operands`);
}

/** The names that an expression refers to by Ref, Fn::GetAtt or Fn::Sub, parameters among them. */
export function referencesOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [];
  const intrinsic = intrinsicOf(value);
  if (intrinsic?.name === 'Ref') return [String(intrinsic.argument)];
  if (intrinsic?.name === 'Fn::GetAtt') return [attributePath(intrinsic.argument)[0]];
  if (intrinsic?.name === 'Fn::Sub') {
    const [text, variables] = substitution(intrinsic.argument);
    const names = [...text.matchAll(PLACEHOLDER)].map((match) => match[1]!.trim().split('.')[0]!);
    return [...names.filter((name) => !name.startsWith('!')), ...referencesOf(variables)];
  }
  return Object.values(value).flatMap(referencesOf);
}

const PLACEHOLDER = /\$\{([^}]*)\}/g;

function evaluateIntrinsic(name: string, argument: unknown, scope: Scope): unknown {
  if (CONDITION_FUNCTIONS.includes(name)) return isTrue({ [name]: argument }, scope);
  switch (name) {
    case 'Ref':
      return argument === 'AWS::NoValue' ? NO_VALUE : scope.ref(String(argument));
    case 'Fn::GetAtt':
      return scope.attribute(...attributePath(evaluate(argument, scope)));
    case 'Fn::Sub':
      return substitute(argument, scope);
    case 'Fn::If': {
      const [condition, then, otherwise] = list(name, argument, 3);
      return evaluate(scope.condition(String(condition)) ? then : otherwise, scope);
    }
    case 'Fn::Join': {
      const [separator, items] = list(name, argument, 2);
      return list(name, evaluate(items, scope)).map(String).join(String(separator));
    }
    case 'Fn::Split': {
      const [separator, text] = list(name, argument, 2);
      return String(evaluate(text, scope)).split(String(separator));
    }
    case 'Fn::Select': {
      const [index, items] = list(name, evaluate(argument, scope), 2);
      const selected = list(name, items)[Number(index)];
      if (selected === undefined) throw new TemplateError(`Fn::Select cannot select index ${String(index)}`);
      return selected;
    }
    case 'Fn::Base64':
      return Buffer.from(String(evaluate(argument, scope))).toString('base64');
    case 'Fn::ImportValue':
      return scope.exported(String(evaluate(argument, scope)));
    default:
      throw new TemplateError(`Intrinsic function ${name} is not known to the region`);
  }
}

function substitute(argument: unknown, scope: Scope): string {
  const [text, variables] = substitution(argument);
  return text.replace(PLACEHOLDER, (_, inner: string) => {
    const name = inner.trim();
    if (name.startsWith('!')) return `\${${name.slice(1)}}`;
    if (name in variables) return String(evaluate(variables[name], scope));
    const [logicalId, ...attribute] = name.split('.');
    const value = attribute.length > 0 ? scope.attribute(logicalId!, attribute.join('.')) : scope.ref(name);
    if (typeof value === 'object') throw new TemplateError(`Fn::Sub: \${${name}} is a list, not a string`);
    return String(value);
  });
}

function substitution(argument: unknown): [text: string, variables: Record<string, unknown>] {
  if (typeof argument === 'string') return [argument, {}];
  const [text, variables] = list('Fn::Sub', argument, 2);
  return [String(text), variables as Record<string, unknown>];
}

function attributePath(argument: unknown): [logicalId: string, attribute: string] {
  const [logicalId, ...attribute] = Array.isArray(argument)
    ? argument.map(String)
    : String(argument).split('.');
  if (!logicalId || attribute.length === 0) {
    throw new TemplateError(
      `Fn::GetAtt needs a resource and an attribute, found ${JSON.stringify(argument)}`,
    );
  }
  return [logicalId, attribute.join('.')];
}

function intrinsicOf(value: unknown): { name: string; argument: unknown } | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [''];
  if (entries.length !== 1) return undefined;
  // A policy statement has a member called Condition too: only one that holds a name is an intrinsic.
  const known =
    name === 'Ref' || name.startsWith('Fn::') || (name === 'Condition' && typeof argument === 'string');
  return known ? { name, argument } : undefined;
}

function list(name: string, value: unknown, length?: number): unknown[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw new TemplateError(
      `${name} needs a list${length ? ` of ${length}` : ''}, found ${JSON.stringify(value)}`,
    );
  }
  return value;
}

/** CloudFormation compares texts: 1 and "1" are equal, and so are true and "true". */
function stringified(value: unknown): unknown {
  return value !== null && typeof value === 'object' ? value : String(value);
}
