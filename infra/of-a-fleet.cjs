/**
 * The IAM condition that a resource carries the tag of a fleet. A program and not YAML, because variables
 * are resolved in values only and here the prefix is part of a key.
 */
module.exports = async ({ resolveVariable }) => {
  const prefix = await resolveVariable('self:custom.prefix');
  return { StringLike: { [`aws:ResourceTag/${prefix}:fleet`]: '*' } };
};
