import { AwsError } from './service.ts';

/** What a target is given in an event's stead, as EventBridge's InputTransformer says. */
export interface InputTransformer {
  InputPathsMap?: Record<string, string>;
  InputTemplate: string;
}

/**
 * Compiles an input transformer whose template is one text in quotes, its variables in angle brackets. They stay
 * where they are in what a target is given, and what a variable holds is escaped to fit between them. A path
 * that the event doesn't have leaves nothing behind.
 *
 * @throws ValidationException for a path or a variable that EventBridge would refuse, and for other templates.
 */
export function compileTransformer(transformer: InputTransformer): (event: unknown) => string {
  const { InputPathsMap: paths = {}, InputTemplate: template, ...others } = transformer;
  const refuse = (reason: string): never => {
    throw new AwsError('ValidationException', `Invalid InputTransformer: ${reason}`);
  };
  const [other] = Object.keys(others);
  if (other) refuse(`${other} is not known to the region`);
  const parts = new Map(Object.entries(paths).map(([name, path]) => [name, path.split('.')]));
  for (const [name, [root, ...steps]] of parts)
    if (root !== '$' || !steps.every((step) => /^[\w-]+$/.test(step)))
      refuse(`path ${paths[name]} of ${name} is not of the form $.detail.name`);
  if (!/^"([^"\\\n]|\\.)*"$/.test(template)) refuse('the region knows templates of one text in quotes alone');
  for (const [, name = ''] of template.matchAll(variable))
    if (!parts.has(name)) refuse(`<${name}> has no path`);
  return (event) =>
    template.replaceAll(variable, (_, name: string) => escaped(valueAt(event, parts.get(name)!)));
}

const variable = /<([^<>]*)>/g;

function valueAt(event: unknown, [, ...steps]: string[]): unknown {
  return steps.reduce<unknown>((value, step) => (value as Record<string, unknown> | null)?.[step], event);
}

function escaped(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  return JSON.stringify(text).slice(1, -1);
}
