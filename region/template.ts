import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { evaluate, isTrue, referencesOf, type Scope, TemplateError } from './template-intrinsics.ts';

export interface TemplateParameter {
  Type: string;
  Default?: unknown;
  AllowedValues?: unknown[];
  AllowedPattern?: string;
  MinLength?: number | string;
  MaxLength?: number | string;
  MinValue?: number | string;
  MaxValue?: number | string;
}

export interface TemplateResource {
  Type: string;
  Condition?: string;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
  Properties?: Record<string, unknown>;
}

/** A CloudFormation template as it was written; intrinsics are in their long form. */
export interface Template {
  Parameters?: Record<string, TemplateParameter>;
  Rules?: Record<
    string,
    { RuleCondition?: unknown; Assertions: { Assert: unknown; AssertDescription?: string }[] }
  >;
  Conditions?: Record<string, unknown>;
  Resources: Record<string, TemplateResource>;
  Outputs?: Record<
    string,
    { Value: unknown; Condition?: string; Description?: string; Export?: { Name: unknown } }
  >;
}

const SECTIONS = ['AWSTemplateFormatVersion', 'Description', 'Metadata', 'Parameters', 'Rules'].concat([
  'Conditions',
  'Resources',
  'Outputs',
]);
const RESOURCE_ATTRIBUTES = ['Type', 'Properties', 'Condition', 'DependsOn', 'Metadata'].concat(
  ['DeletionPolicy', 'UpdateReplacePolicy', 'UpdatePolicy'], // The last two are recorded alone.
);

/**
 * Reads a template from JSON or YAML (with the short tags).
 * @throws TemplateError for what isn't a template, or has a section that the region doesn't know.
 */
export function readTemplate(text: string): Template {
  const template = (text.trimStart().startsWith('{') ? JSON.parse(text) : readYaml(text)) as Template;
  if (template === null || typeof template !== 'object' || typeof template.Resources !== 'object') {
    throw new TemplateError('At least one Resources member must be defined.');
  }
  const unknown = Object.keys(template).find((section) => !SECTIONS.includes(section));
  if (unknown) throw new TemplateError(`Invalid template property or properties [${unknown}]`);
  for (const [name, resource] of Object.entries(template.Resources)) {
    const attribute = Object.keys(resource).find((key) => !RESOURCE_ATTRIBUTES.includes(key));
    if (attribute)
      throw new TemplateError(`Resource ${name}: attribute ${attribute} is not known to the region`);
    if (typeof resource.Type !== 'string') throw new TemplateError(`Resource ${name}: Type is missing`);
  }
  return template;
}

/**
 * The values of a template's parameters: what was given, else the default.
 * `lookUp` answers for parameters of an AWS::SSM::Parameter::Value<…> type.
 * @throws TemplateError naming every parameter that is missing, unknown or has a value that isn't allowed.
 */
export function resolveParameters(
  template: Template,
  given: Record<string, string>,
  lookUp: (parameterName: string) => string,
): Record<string, string | string[]> {
  const declared = template.Parameters ?? {};
  const unknown = Object.keys(given).filter((name) => !(name in declared));
  if (unknown.length > 0)
    throw new TemplateError(`Parameters: [${unknown.join(', ')}] do not exist in the template`);
  const missing = Object.keys(declared).filter(
    (name) => given[name] === undefined && declared[name]!.Default === undefined,
  );
  if (missing.length > 0) throw new TemplateError(`Parameters: [${missing.join(', ')}] must have values`);
  return Object.fromEntries(
    Object.entries(declared).map(([name, parameter]) => {
      const text = String(given[name] ?? parameter.Default);
      checkParameter(name, parameter, text);
      const stored = /^AWS::SSM::Parameter::Value<(.+)>$/.exec(parameter.Type);
      const value = stored ? lookUp(text) : text;
      return [name, /List/.test(stored?.[1] ?? parameter.Type) ? splitList(value) : value];
    }),
  );
}

/** @throws TemplateError with the words of each assertion that these parameters don't meet. */
export function checkRules({ Rules = {} }: Template, scope: Omit<Scope, 'condition'>): void {
  const own: Scope = {
    ...scope,
    isOfRule: true,
    condition: (name) => {
      throw new TemplateError(`Rules can't refer to the condition ${name}`);
    },
  };
  const broken = Object.entries(Rules)
    .filter(([, { RuleCondition }]) => RuleCondition === undefined || isTrue(RuleCondition, own))
    .flatMap(([name, { Assertions }]) =>
      Assertions.filter(({ Assert }) => !isTrue(Assert, own)).map(
        ({ AssertDescription }) => AssertDescription ?? name,
      ),
    );
  if (broken.length > 0) throw new TemplateError(`Template validation error: ${broken.join('; ')}`);
}

/** Which of the template's conditions hold. */
export function resolveConditions(
  template: Template,
  scope: Omit<Scope, 'condition'>,
): Record<string, boolean> {
  const declared = template.Conditions ?? {};
  const results: Record<string, boolean> = {};
  const condition = (name: string, path: string[] = []): boolean => {
    if (!(name in declared)) throw new TemplateError(`Unresolved condition ${name}`);
    if (path.includes(name)) throw new TemplateError(`Circular conditions: ${[...path, name].join(' → ')}`);
    results[name] ??= isTrue(declared[name], {
      ...scope,
      condition: (other) => condition(other, [...path, name]),
    });
    return results[name];
  };
  for (const name of Object.keys(declared)) condition(name);
  return results;
}

/** The logical ids of the resources to create, each after all that it refers to. */
export function creationOrder(template: Template, conditions: Record<string, boolean>): string[] {
  const wanted = Object.entries(template.Resources).filter(([name, { Condition }]) => {
    if (Condition !== undefined && conditions[Condition] === undefined) {
      throw new TemplateError(`Resource ${name}: unresolved condition ${Condition}`);
    }
    return Condition === undefined || conditions[Condition];
  });
  const resources = new Map(wanted);
  const order: string[] = [];
  const visit = (name: string, path: string[]): void => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new TemplateError(`Circular dependency: ${[...path, name].join(' → ')}`);
    const resource = resources.get(name)!;
    const stray = dependsOn(resource).find((other) => !(other in template.Resources));
    if (stray) throw new TemplateError(`Resource ${name}: DependsOn ${stray}, which is not in the template`);
    for (const other of dependenciesOf(template, name)) {
      if (resources.has(other)) visit(other, [...path, name]);
    }
    order.push(name);
  };
  for (const name of resources.keys()) visit(name, []);
  return order;
}

/** All that a resource refers to, other resources among it, by `DependsOn` or in its properties. */
export function dependenciesOf(template: Template, name: string): string[] {
  const resource = template.Resources[name];
  return resource ? [...dependsOn(resource), ...referencesOf(resource.Properties)] : [];
}

const dependsOn = ({ DependsOn = [] }: TemplateResource): string[] => [DependsOn].flat();

/** The outputs whose condition holds, with the name each is exported under. */
export function evaluateOutputs(template: Template, scope: Scope) {
  return Object.entries(template.Outputs ?? {})
    .filter(([, output]) => output.Condition === undefined || scope.condition(output.Condition))
    .map(([key, output]) => ({
      key,
      value: String(evaluate(output.Value, scope)),
      description: output.Description,
      exportName: output.Export && String(evaluate(output.Export.Name, scope)),
    }));
}

function checkParameter(name: string, parameter: TemplateParameter, text: string): void {
  const refuse = (why: string): never => {
    throw new TemplateError(`Parameter ${name}: ${why}, found '${text}'`);
  };
  const items = /List/.test(parameter.Type) ? splitList(text) : [text];
  const { AllowedValues, AllowedPattern, MinLength, MaxLength, MinValue, MaxValue } = parameter;
  if (AllowedValues && items.some((item) => !AllowedValues.map(String).includes(item))) {
    refuse(`must be one of ${AllowedValues.join(', ')}`);
  }
  if (AllowedPattern && items.some((item) => !new RegExp(`^(?:${AllowedPattern})$`).test(item))) {
    refuse(`must match pattern ${AllowedPattern}`);
  }
  if (text.length < Number(MinLength ?? 0)) refuse(`must have at least ${MinLength} characters`);
  if (text.length > Number(MaxLength ?? Infinity)) refuse(`must have at most ${MaxLength} characters`);
  if (parameter.Type.includes('Number') && items.some((item) => item === '' || Number.isNaN(Number(item)))) {
    refuse('must be a number');
  }
  if (Number(text) < Number(MinValue ?? -Infinity)) refuse(`must be at least ${MinValue}`);
  if (Number(text) > Number(MaxValue ?? Infinity)) refuse(`must be at most ${MaxValue}`);
}

const splitList = (text: string): string[] => text.split(',').map((item) => item.trim());

/** What has been read already, by its text: nobody changes a template, and regions of one process share some. */
const known = new Map<string, unknown>();

function readYaml(text: string): unknown {
  if (known.has(text)) return known.get(text);
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw new TemplateError(`Template format error: ${error.message}`);
  const template = plain(document.contents, document);
  known.set(text, template);
  return template;
}

/** A YAML node as JSON, a short tag such as !Sub as its long form. */
function plain(node: unknown, document: Document): unknown {
  if (isAlias(node)) return plain(node.resolve(document), document);
  let value: unknown = node;
  if (isMap(node)) {
    value = Object.fromEntries(
      node.items.map(({ key, value }) => [String(plain(key, document)), plain(value, document)]),
    );
  } else if (isSeq(node)) value = node.items.map((item) => plain(item, document));
  else if (isScalar(node)) value = node.value;
  const tag = isMap(node) || isSeq(node) || isScalar(node) ? node.tag : undefined;
  if (!tag?.startsWith('!') || tag === '!') return value;
  if (tag === '!Ref' || tag === '!Condition') return { [tag.slice(1)]: value };
  return { [`Fn::${tag.slice(1)}`]: value };
}
