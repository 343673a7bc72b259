const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/**
 * The document as text, to the last byte: the functions name its hash with each command, and CloudFormation says
 * nothing about how it would write an object. osls resolves ${…} in it; a backslash keeps what belongs to the
 * script, and those that stand before one are halved, so they are doubled here.
 */
module.exports = () =>
  readFileSync(join(__dirname, '../build/document.json'), 'utf8').replace(/(\\*)\$\{/g, '$1$1\\${');
