import { judge, meaning, type Request, readPolicy, type Statement, verdictOf } from './policy.ts';
import { account, region } from './service.ts';
import { TemplateError } from './template-intrinsics.ts';

export interface Role {
  name: string;
  statements: Statement[];
  /** Without one, nothing bounds it. */
  boundary: Statement[] | undefined;
  /** Of each statement, the actions and resources, as they are written, that have allowed something. */
  used: Map<Statement, Set<string>>;
}

/** What a role is made of: documents of its own, and ARNs of managed policies. */
export interface RoleSource {
  documents: unknown[];
  managed: string[];
  boundary: string | undefined;
}

/** A denied request, as AWS words it. */
export interface Denial {
  identity: string;
  action: string;
  message: string;
}

const denialsMax = 1_000;
/** What the SSM agent calls to register and to take commands (Systems Manager User Guide, instance permissions). */
const agentActions = [
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
];

/** IAM: the roles that are deployed, and what they may do. */
export class Access {
  readonly roles = new Map<string, Role>();
  /** The last `denialsMax`, oldest first. */
  readonly denials: Denial[] = [];
  /** Hears why something is denied, of the first of those that differ in no more than their resource. */
  onDenial: (message: string) => void = () => {};
  private readonly sources = new Map<string, RoleSource>();
  private readonly policies = new Map<string, Statement[]>();
  private readonly profiles = new Map<string, string>();
  private readonly launchTemplates = new Map<string, string | undefined>();

  /** A managed policy, new or changed, and attached to these roles; those that have it go by it from now on. */
  setPolicy(arn: string, document: unknown, roles: string[] = []): void {
    this.policies.set(arn, readPolicy(document, 'identity'));
    for (const name of roles) {
      const source = this.sources.get(name);
      if (!source) throw new TemplateError(`role ${name} is not known to the region`);
      this.sources.set(name, { ...source, managed: [...new Set([...source.managed, arn])] });
    }
    for (const [name, source] of this.sources)
      if (source.managed.includes(arn) || source.boundary === arn) this.setRole(name, source);
  }

  /** @throws TemplateError for a managed policy that isn't one of the region's. */
  setRole(name: string, source: RoleSource): void {
    const { documents, managed, boundary } = source;
    const statements = [
      ...managed.flatMap((arn) => this.policy(arn)),
      ...documents.flatMap((document) => readPolicy(document, 'identity')),
    ];
    const bounds = boundary === undefined ? undefined : this.policy(boundary);
    this.roles.set(name, { name, statements, boundary: bounds, used: new Map() });
    this.sources.set(name, source);
  }

  /** @param id A role's name, or the ARN of a managed policy or an instance profile. */
  remove(id: string): void {
    for (const map of [this.roles, this.sources, this.policies, this.profiles]) map.delete(id);
  }

  /** Answers the profile's ARN. */
  addProfile(name: string, role: string): string {
    const arn = iamArn(`instance-profile/${name}`);
    this.profiles.set(arn, role);
    return arn;
  }

  /** Instances of a launch template have the role of its profile, if it names one. */
  addLaunchTemplate(id: string, profile: string | undefined): void {
    if (profile !== undefined && !this.profiles.has(profile))
      throw new TemplateError(`instance profile ${profile} is not known to the region`);
    this.launchTemplates.set(id, profile);
  }

  /**
   * Why a request is denied to an identity, in AWS's words; undefined when it is allowed. Only sessions of
   * roles are looked at: everybody else is the administrator.
   */
  denial(identity: string, request: Request): string | undefined {
    const role = roleOf(identity);
    const reason = role === undefined ? undefined : this.reason(role, request);
    return reason === undefined ? undefined : this.note(identity, request, reason);
  }

  /** Of the first need of a call that is denied. A call whose needs aren't known is denied to every role. */
  denialOf(identity: string, call: string, needs: Request[] | undefined): string | undefined {
    const unknown = { action: call, resource: '*' };
    if (needs === undefined && roleOf(identity) !== undefined)
      return this.note(identity, unknown, 'because what the call needs is not known to the region');
    for (const need of needs ?? []) {
      const denial = this.denial(identity, need);
      if (denial !== undefined) return denial;
    }
    return undefined;
  }

  /** Why the agent of an instance can't come online, if so. Instances without a launch template are nobody's. */
  agentDenial(instanceId: string, launchTemplate: string | undefined): string | undefined {
    if (launchTemplate === undefined) return undefined;
    const profile = this.launchTemplates.get(launchTemplate);
    if (profile === undefined) {
      const message = `Instance ${instanceId} has no role: its launch template names no instance profile`;
      this.onDenial(message);
      return message;
    }
    const identity = sessionArn(this.profiles.get(profile)!, instanceId);
    const instance = `arn:aws:ec2:${region}:${account}:instance/${instanceId}`;
    const needs = [
      { action: 'ssm:UpdateInstanceInformation', resource: instance },
      ...agentActions.map((action) => ({ action, resource: '*' })),
    ];
    const denials = needs.map((need) => this.denial(identity, need));
    return denials.find((denial) => denial !== undefined);
  }

  private reason(name: string, request: Request): string | undefined {
    const none = (policy: string) => `because no ${policy} allows the ${request.action} action`;
    const role = this.roles.get(name);
    if (!role) return none('identity-based policy');
    const meant = meaning(role.statements, request);
    const verdict = verdictOf(meant);
    const bounds = role.boundary === undefined ? 'allowed' : judge(role.boundary, request);
    if (verdict === 'explicitly denied') return 'with an explicit deny in an identity-based policy';
    if (bounds === 'explicitly denied') return 'with an explicit deny in a permissions boundary';
    if (verdict === 'denied') return none('identity-based policy');
    if (bounds === 'denied') return none('permissions boundary');
    use(role, meant, request);
    return undefined;
  }

  private note(identity: string, { action, resource }: Request, reason: string): string {
    const on = resource === '*' ? '' : ` on resource: ${resource}`;
    const message = `User: ${identity} is not authorized to perform: ${action}${on} ${reason}`;
    const isNew = !this.denials.some((other) => other.identity === identity && other.action === action);
    this.denials.push({ identity, action, message });
    if (this.denials.length > denialsMax) this.denials.shift();
    if (isNew) this.onDenial(message);
    return message;
  }

  private policy(arn: string): Statement[] {
    const found = this.policies.get(arn);
    if (!found) throw new TemplateError(`policy ${arn} is not known to the region`);
    return found;
  }
}

export const iamArn = (path: string): string => `arn:aws:iam::${account}:${path}`;

/** The role's name, of a session of one. */
const roleOf = (identity: string): string | undefined =>
  /^arn:aws:sts::\d+:assumed-role\/([^/]+)\//.exec(identity)?.[1];

export const sessionArn = (role: string, session: string): string =>
  `arn:aws:sts::${account}:assumed-role/${role}/${session}`;

/** So that what no function ever needs can be found. */
function use({ used }: Role, meant: Statement[], request: Request): void {
  for (const statement of meant) {
    const { actions, resources } = statement;
    const parts = used.get(statement) ?? new Set<string>();
    used.set(statement, parts);
    if (parts.size === actions.length + resources.length) continue;
    for (const { text, matches } of actions) if (matches(request.action)) parts.add(text);
    for (const { text, matches } of resources) if (matches(request.resource)) parts.add(text);
  }
}
