// classes.mjs DIR COUNT [SEED]: a pack of one-line vectors (tests/cedar_edge.c) of the classes that whole random cases seldom reach: arithmetic of
// dates and durations, ranges of addresses, patterns, escapes, limits of numbers, optional attributes, `is` and `in`, reserved words, annotations,
// schema syntax, JSON policies. The reference implementation says what each gives. Deterministic for a seed. (Left out: the function `unknown`, which the
// reference's JavaScript form was built with, and no release of the language has.)
import { createRequire } from 'node:module';
import { writeFileSync, mkdirSync } from 'node:fs';
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');

let state = 0;
const roll = () => {
  state = (state + 0x6D2B79F5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = n => Math.floor(roll() * n);
const chance = p => roll() < p;
const pick = list => list[below(list.length)];
const times = (n, f) => Array.from({ length: n }, f);
const uid = (type, id) => ({ type, id });
const ref = (type, id) => ({ __entity: uid(type, id) });
const ext = (fn, arg) => ({ __extn: { fn, arg } });

const fixture = {
  request: { principal: uid('User', 'a'), action: uid('Action', 'view'), resource: uid('Doc', 'd'),
    context: { n: 1, s: 'h\u00e9llo*\u{1F600}', t: true, r: { x: { y: 2 }, 'if': 1 }, l: ['a', 'b'], e: ref('User', 'b'), gone: ref('User', 'zz'), big: 1e15 } },
  entities: [
    { uid: uid('User', 'a'), attrs: { n: -1, s: 'Al*ce', k: 'k1', u: ref('User', 'b'), r: { a: 1, 'b c': { d: true } }, l: [1, 2, 2, [3]], ip: ext('ip', '10.1.2.3'),
      net: ext('ip', '10.0.0.0/8'), dec: ext('decimal', '-0.5'), dt: ext('datetime', '2024-03-01T00:00:00+0100'), du: ext('duration', '-1d2h') },
      parents: [uid('Group', 'g'), uid('N::Team', 't')], tags: { k1: 'v', '': 3, k2: [1] } },
    { uid: uid('User', 'b'), attrs: { n: 4 }, parents: [uid('User', 'a')] },
    { uid: uid('Group', 'g'), attrs: {}, parents: [uid('Org', 'o')] },
    { uid: uid('Doc', 'd'), attrs: { owner: ref('User', 'a') }, parents: [uid('Folder', 'f')] },
    { uid: uid('Action', 'view'), attrs: {}, parents: [uid('Action', 'read')] }],
};

// What the fixture looks like, with much of it optional.
const typed = `type R = { a?: Long, "b c"?: { d?: Bool }, "if"?: Long, x?: { y: Long } };
entity Org; entity Folder; entity Group in [Org]; entity Nothing enum ["", "x"];
namespace N { entity Team; }
entity User in [Group, N::Team, User] { n: Long, s?: String, k?: String, u?: User, r?: R, l?: Set<Long>, ip?: ipaddr, net?: ipaddr, dec?: decimal, dt?: datetime, du?: duration } tags String;
entity Doc in [Folder] { owner: User, pub?: Bool };
action read; action view, v in [read] appliesTo { principal: User, resource: [Doc, User], context: { n: Long, s: String, t: Bool, r: R, l: Set<String>, e?: User, gone?: User, big?: Long } };
action w appliesTo { principal: [User, Group], resource: Doc, context: {} };
`;

// ---- expressions of a kind; now and then of another

const digits = n => times(n, () => below(10)).join('');
const two = n => String(below(n)).padStart(2, '0');
const longs = () => pick(['0', '1', '-1', '2', '7', '-3', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '4611686018427387904', '3037000500', '007', 'context.n', 'principal.n',
  'context.r["if"]', '99999999999999999999']);
const date = () => chance(0.85) ? `${pick(['1969', '1970', '2000', '1900', '2024', '0000', '9999', '0001', '2023'])}-${pick(['01', '02', '03', '12', '06', '00', '13'])}-${pick(['01', '28', '29', '30', '31', '15', '00', '32'])}`
  : `${digits(pick([3, 4, 5]))}-${two(14)}-${two(33)}`;
const datetimes = () => chance(0.12) ? 'principal.dt' : `datetime("${date()}${chance(0.35) ? '' : `T${two(25)}:${two(61)}:${two(61)}${chance(0.5) ? '' : `.${digits(pick([3, 3, 3, 2, 4]))}`}${
  pick(['Z', 'Z', '', 'z', `+${two(25)}${two(61)}`, `-${two(25)}${two(61)}`, '+0000', '-2359', '+01:00'])}`}")`;
const durations = () => chance(0.12) ? 'principal.du' : `duration("${pick(['', '', '-', '+'])}${['d', 'h', 'm', 's', 'ms'].filter(() => chance(0.4)).map(u => pick(['0', '1', '7', '25', '61', '999', '106751991167', '9223372036854775807',
  '9223372036854775808', '153722867280912', '00']) + u).join(chance(0.04) ? ' ' : '')}")`;
const part = () => pick(['0', '1', '10', '127', '224', '239', '255', '256', '01', '192']);
const hex = () => pick(['0', '1', 'ff', 'ffff', 'FF00', 'fe80', '12345', 'g', '']);
const ips = () => chance(0.15) ? pick(['principal.ip', 'principal.net']) : `ip("${chance(0.55) ? times(pick([4, 4, 4, 4, 3, 5]), part).join('.') : pick([() => times(8, hex).join(':'), () => `${hex()}::${hex()}`, () => '::1', () => '::',
  () => `::ffff:${part()}.${part()}.0.1`, () => times(below(9), hex).join(':') + '::', () => `1:2:3:4:5:6:7::`, () => 'fe80::1%eth0'])()}${chance(0.5) ? '' : '/' + pick(['0', '8', '24', '32', '33', '64', '128', '129', '08', '', '4', '-1'])}")`;
const decimals = () => chance(0.12) ? 'principal.dec' : `decimal("${pick(['', '', '-', '+'])}${pick(['0', '1', '00', '922337203685477', '922337203685478', '12', ''])}${pick(['.', '.', '.', ''])}${pick(['0', '5', '5807', '5808', '1234', '12345', '', '0000', '1a'])}")`;
const pieces = ['a', 'b', 'A', '*', '\\*', '\\u{2a}', '\\x2a', '\\n', '\\t', '\\r', '\\0', "\\'", '\\"', '\\\\', '\\u{1F600}', '\\u{e9}', '\u00e9', '\u{1F600}', '\\x7f', '\\x80', '\\u{D800}', '\\u{110000}', '\\u{}', '\\u{1_0}', '\\u{_1}', '\\q', '\\u{0}',
  ' ', 'l', 'h', '\u00a0', 'ce', 'llo', '\n', '\r'];
const text = () => `"${times(below(5), () => pick(pieces)).join('')}"`;
const strings = () => chance(0.3) ? pick(['context.s', 'principal.s', 'principal.k', '"k1"', '""']) : text();
const users = () => pick(['principal', 'principal', 'resource', 'action', 'context.e', 'context.gone', 'User::"a"', 'User::"b"', 'User::"zz"', 'Group::"g"', 'N::Team::"t"', 'Org::"o"', 'Doc::"d"', 'Folder::"f"', 'Action::"read"', 'principal.u',
  'principal.u.u', 'resource.owner', 'N::User::"a"', 'User :: "a"', 'Action::"view"', 'Nothing::""']);
const records = () => pick(['context', 'context.r', 'principal.r', 'principal.r["b c"]', '{}', '{a: 1}', '{a: 1, "b c": {d: true}}', '{"a": principal.n + 2, b: {c: context}}', '{if: 1}', '{"if": 1}', '{a: 1, a: 2}', '{a: 1,}', 'principal', '{b: 1, a: 1}',
  '{"x": {"y": 2}, "if": 1}']);
const sets = d => pick([() => 'principal.l', () => 'context.l', () => '[]', () => `[${any(d - 1)}, ${any(d - 1)}]`, () => `[${longs()}, ${longs()},]`, () => `[${users()}, ${users()}]`, () => `[${strings()}]`])();
const KIND = { long: longs, dt: datetimes, du: durations, ip: ips, dec: decimals, str: strings, ent: users, rec: records };
const any = d => d <= 0 ? pick([longs, strings, users, () => 'true'])() : pick([...Object.values(KIND), () => bool(d - 1), () => sets(d - 1), () => sets(d - 1)])();
const of = (k, d) => chance(0.04) ? any(d) : d > 0 && chance(0.15) ? deep(k, d - 1) : k === 'set' ? sets(d) : KIND[k]();
function deep(k, d) {
  switch (k) {
    case 'long': return pick([() => `(${of('long', d)} ${pick(['+', '-', '*'])} ${of('long', d)})`, () => `-${of('long', d)}`, () => `(- ${of('long', d)})`, () => `${of('du', d)}.${pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`,
      () => `(if ${bool(d)} then ${of('long', d)} else ${of('long', d)})`])();
    case 'dt': return pick([() => `${of('dt', d)}.offset(${of('du', d)})`, () => `${of('dt', d)}.toDate()`])();
    case 'du': return pick([() => `${of('dt', d)}.durationSince(${of('dt', d)})`, () => `${of('dt', d)}.toTime()`])();
    case 'str': return `${of('ent', d)}.getTag(${of('str', d)})`;
    case 'ent': return `(if ${bool(d)} then ${of('ent', d)} else ${of('ent', d)})`;
    default: return of(k, 0);
  }
}
const path = () => pick(['a', 'n', 's', '"if"', 'r.x.y', 'r.a', 'u.n', '"b c"', 'owner.u.n', 'if', 'n.x', '"a.b"', 'r["a"]', '(n)', 'principal', '__cedar', '"__cedar"', 'true', 'gone.x', 'e.n', 'like', 'r."x"']);
const TYPES = ['User', 'Group', 'N::Team', 'Doc', 'Action', 'NS::User', '"User"', 'if', 'N :: Team', 'Org'];
function bool(d) {
  const e = k => of(k, d - 1);
  return pick([
    () => `${e('long')} ${pick(['<', '<=', '>', '>=', '==', '!='])} ${e('long')}`, () => `${e('dt')} ${pick(['<', '<=', '>', '>=', '=='])} ${e('dt')}`, () => `${e('du')} ${pick(['<', '<=', '>', '>=', '=='])} ${e('du')}`,
    () => `${e('dec')}.${pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${e('dec')})`, () => `${e('dec')} ${pick(['==', '!=', '<'])} ${e('dec')}`,
    () => `${e('ip')}.${pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`, () => `${e('ip')}.isInRange(${e('ip')})`, () => `${e('ip')} == ${e('ip')}`,
    () => `${e('str')} like ${text()}`, () => `${e('str')} == ${e('str')}`, () => `${text()} like ${text()}`,
    () => `${e('ent')} in ${e('ent')}`, () => `${e('ent')} in ${e('set')}`, () => `${e('ent')} is ${pick(TYPES)}`, () => `${e('ent')} is ${pick(TYPES)} in ${pick([e('ent'), e('set')])}`, () => `${e('ent')}.hasTag(${e('str')})`,
    () => `${pick([e('rec'), e('ent')])} has ${path()}`, () => `${pick([e('rec'), e('ent')])} has ${path()} && ${e('rec')}.${pick(['a', 'n', 'r.x.y'])} == ${e('long')}`, () => `${e('rec')} == ${e('rec')}`, () => `${e('rec')}[${text()}] == ${any(0)}`,
    () => `${e('set')}.${pick(['contains', 'containsAll', 'containsAny'])}(${any(d - 1)})`, () => `${e('set')}.${pick(['containsAll', 'containsAny'])}(${e('set')})`, () => `${e('set')}.isEmpty()`, () => `${e('set')} == ${e('set')}`,
    () => `${any(d - 1)} == ${any(d - 1)}`, () => `${bool2(d)} ${pick(['&&', '||'])} ${bool2(d)}`, () => `!${bool2(d)}`, () => `if ${bool2(d)} then ${any(d - 1)} else ${bool2(d)}`,
    () => `${pick(['isIpv4', 'lessThan', 'ip', 'decimal', 'offset', 'error', 'contains', 'datetime', 'N::ip'])}(${any(0)}${chance(0.4) ? ', ' + any(0) : ''})`,
    () => `${any(0)}.${pick(['ip', 'decimal', 'contains', 'isEmpty', 'hasTag', 'nope', 'toDate', 'isInRange', 'if'])}(${chance(0.5) ? any(0) : ''})`,
    () => `${longs()} ${pick(['<', '==', 'in', '/', '%', '='])} ${longs()} ${pick(['<', '==', '+'])} ${longs()}`,
  ])();
}
const bool2 = d => d <= 0 ? pick(['true', 'false', '1', 'context.t', 'context.n == 1', 'principal.nope']) : `(${bool(d - 1)})`;

// ---- the other kinds

const WORDS = ['true', 'false', 'if', 'then', 'else', 'in', 'is', 'like', 'has', '__cedar', 'principal', 'action', 'resource', 'context', 'permit', 'forbid', 'when', 'unless', 'a', '_', 'A1', '1a', '\u00e9', 'x__cedar', 'ip', 'set', 'Action', 'this'];
const path2 = () => times(1 + below(2), () => pick(WORDS)).join(pick(['::', '::', ' :: ', ':']));
const SPACE = [' ', '\n', '\t', '\r\n', '\u00a0', '\u2028', '\u3000', '\u200b', '// c\n', '// c\r', '/* c */', '\ufeff', '\f', '\v', '\u0085', ''];
const scopeOf = v => pick([() => v, () => v, () => `${v} == ${path2()}::${text()}`, () => `${v} in ${path2()}::${text()}`, () => `${v} is ${path2()}`, () => `${v} is ${path2()} in ${path2()}::"x"`, () => `${v} == ?${pick([v, 'x', 'action', 'resource'])}`, () => `${v} in ?${v}`,
  () => `${v} is User in ?${v}`, () => `${v} in [User::"a"]`, () => `${v} == (User::"a")`, () => `${v} != User::"a"`, () => `${v} in []`])();
const actionOf = () => pick([() => 'action', () => 'action == Action::"v"', () => 'action in [Action::"v", N::Action::"w",]', () => 'action in []', () => `action == ${path2()}::${text()}`, () => 'action is Action', () => 'action in ?action', () => 'action in [Action::"v",,]', () => 'action in Action::"g"'])();
const annotation = () => pick([`@${pick(WORDS)}(${text()})`, `@${pick(WORDS)}`, '@a("1") @a("2")', '@a()', '@a("x",)', '@ a ("x")', '@a::b("x")', '@a(1)']);
function policyText(d) {
  return `${times(chance(0.3) ? 1 + below(2) : 0, annotation).join(' ')}${pick(SPACE)}${pick(['permit', 'forbid', 'permit', 'Permit'])}${pick(SPACE)}(${scopeOf('principal')},${pick(SPACE)}${actionOf()}, ${scopeOf('resource')}${chance(0.1) ? ',' : ''})${
    times(below(3), () => `${pick(SPACE)}${pick(['when', 'unless', 'when', 'unless', 'if'])} {${pick(SPACE)}${chance(0.04) ? '' : bool(d)}${pick(SPACE)}}`).join('')}${pick([';', ';', ';', ';', '', ';;'])}`;
}
const plainPolicy = d => `${pick(['', '', '@a("x") ', '@if ', '@b("\\u{1F600}\\n") '])}${pick(['permit', 'forbid'])}(${pick(['principal', 'principal == User::"a"', 'principal in Group::"g"', 'principal is User', 'principal is User in Group::"g"'])}, ${
  pick(['action', 'action == Action::"v"', 'action in [Action::"v", Action::"w"]', 'action in Action::"grp"'])}, ${pick(['resource', 'resource == Doc::"d"', 'resource is Doc'])})${times(1 + below(2), () => ` ${pick(['when', 'unless'])} { ${bool(d)} }`).join('')};`;

const schemaType = d => d > 0 && chance(0.3) ? `Set<${schemaType(d - 1)}>` : d > 0 && chance(0.25) ? recordType(d - 1) : pick(['Long', 'String', 'Bool', 'ipaddr', 'decimal', 'datetime', 'duration', 'A', 'B', 'T', 'N::A', 'N::T', 'Boolean', '__cedar::Long', 'Set', 'Record', 'Entity', 'Nope', 'Action', 'E']);
const recordType = d => `{${times(below(4), () => `${chance(0.1) ? '@doc("x") ' : ''}${pick(['a', 'b', 'c', '"x y"', '"if"', 'if', '""', '__cedar', '"__cedar"', 'in'])}${chance(0.4) ? '?' : ''}: ${schemaType(d)}`).join(', ')}${chance(0.1) ? ',' : ''}}`;
function schemaText() {
  const decl = () => pick([
    () => `entity ${pick(['A', 'B', 'A, B', 'E', 'Long', 'Action', 'Set', 'if', 'A,'])}${chance(0.4) ? ` in ${pick(['A', '[A, B]', '[]', 'N::A', 'B', '[A,]'])}` : ''}${chance(0.6) ? ` ${pick(['', '= '])}${recordType(2)}` : ''}${chance(0.2) ? ` tags ${schemaType(1)}` : ''};`,
    () => `entity E enum [${pick(['"x"', '"x", "y"', '', '"x",', '"x", "x"', 'x'])}];`,
    () => `type ${pick(['T', 'T', 'A', 'Long', 'Boolean', 'ipaddr', 'entity', 'Set', '__cedar'])} = ${schemaType(2)};`,
    () => `action ${pick(['v', 'w', '"v w"', 'v, w', 'v, "x"', 'if', '""'])}${chance(0.4) ? ` in ${pick(['w', '[w]', '["g", w]', 'Action::"g"', 'N::Action::"w"', '[]', '"g"'])}` : ''}${chance(0.7) ? ` appliesTo { ${[`principal: ${pick(['A', '[A]', '[A, B]', '[]', 'N::A', 'T', 'E'])}`, `resource: ${pick(['A', 'B', '[B, A,]', 'E'])}`,
      ...(chance(0.6) ? [`context: ${pick([recordType(2), 'T', 'N::T', 'A', 'Long'])}`] : [])].filter(() => chance(0.97)).join(', ')}${chance(0.1) ? ',' : ''} }` : ''}${chance(0.04) ? ' attributes {}' : ''};`,
    () => 'action g;', () => 'entity A;', () => 'entity B;', () => 'type T = { a: Long };'])();
  let s = times(1 + below(5), () => `${chance(0.12) ? annotation() + ' ' : ''}${decl()}`).join('\n');
  if (chance(0.3)) s = `${chance(0.2) ? '@a("b") ' : ''}namespace ${pick(['N', 'N::M', '__cedar', 'if', 'N'])} {\n${s}\n}\n${chance(0.5) ? 'entity A; entity B;' : ''}`;
  return s;
}

// ---- damaged JSON policies

const SCALARS = [null, true, 0, -1, 1.5, '', 'x', 'All', '==', 'in', 'is', 'principal', '?principal', 'permit', 'User', 'N::', 'Wildcard', { __entity: { type: 'User', id: 'x' } }, { __extn: { fn: 'ip', arg: '1.1.1.1' } }, { Value: 1 }, { Var: 'principal' }, { Slot: '?principal' }, [], {},
  { type: 'User', id: 'x' }, { Unknown: { name: 'x' } }, { 'has': { left: { Var: 'context' }, attr: ['a', 'b'] } }, { ip: [{ Value: '1' }] }, { like: { left: { Value: 'x' }, pattern: ['Wildcard', { Literal: 'a' }, { Literal: 'ab' }] } }];
function spoil(root) {
  const copy = structuredClone(root), places = [];
  const walk = v => { if (v && typeof v === 'object') { places.push(v); for (const k of Object.keys(v)) walk(v[k]); } };
  walk(copy);
  const at = pick(places), keys = Object.keys(at), k = keys.length ? pick(keys) : 'x', r = roll();
  if (r < 0.25) delete at[k];
  else if (r < 0.5 && !Array.isArray(at)) { const v = at[k]; delete at[k]; at[pick(['left', 'right', 'arg', 'attr', 'op', 'entity', 'slot', 'effect', 'body', 'kind', '==', '&&', '!', 'neg', 'Value', 'Set', 'isEmpty', 'contains', 'lessThan', 'getTag', 'entity_type', 'in', 'annotations', 'x'])] = v; }
  else at[k] = pick(SCALARS);
  return Array.isArray(at) ? JSON.parse(JSON.stringify(copy, (_, v) => v === undefined ? null : v)) : copy;
}

// ---- asking

const good = f => { try { return f().type === 'success'; } catch { return null; } };
const template = /[?](principal|resource)/;
function evals(list) {
  const out = [];
  const policies = {}, entities = fixture.entities;
  list.forEach((expr, i) => {
    const text = `permit(principal,action,resource) when { ${expr} };`;
    if (good(() => cedar.checkParsePolicySet({ staticPolicies: { p: text } }))) policies[`p${i}`] = text;
  });
  const r = cedar.isAuthorized({ ...fixture.request, policies: { staticPolicies: policies }, entities });
  if (r.type !== 'success') throw new Error(JSON.stringify(r.errors));
  const yes = new Set(r.response.diagnostics.reason), bad = new Set(r.response.diagnostics.errors.map(e => e.policyId));
  list.forEach((expr, i) => out.push({ kind: 'eval', expr, expect: !policies[`p${i}`] ? 'parse-error' : bad.has(`p${i}`) ? 'error' : yes.has(`p${i}`) ? 'true' : 'false' }));
  return out;
}
const policy2 = () => `permit(${pick(['principal', 'principal', 'principal is User', 'principal in Group::"g"', 'principal is Group', 'principal == Nothing::"y"', 'principal is Doc'])}, ${pick(['action == Action::"view"', 'action == Action::"v"', 'action == Action::"view"',
  'action in [Action::"view", Action::"w"]', 'action', 'action in Action::"read"', 'action in []'])}, ${pick(['resource', 'resource is Doc', 'resource == Doc::"d"', 'resource is User in Group::"g"'])}) ${pick(['when', 'when', 'unless'])} { ${chance(0.5) ? bool(2) :
  `${pick(['principal has r.a && principal.r.a', 'principal has u && principal.u.n', 'context has e && context.e.n', 'resource is User && resource.n', '(if principal has r then principal.r == {a: 1} else principal.n == 1) && principal.n', 'principal.hasTag("k") && principal.getTag("k") == "x" || principal.n',
  '(principal has s || principal has k) && principal.n', 'principal has s && (principal.s like "a*" || false) && context.n', 'context.r has x.y && context.r.x.y', 'principal has l && principal.l.contains(1) && context.n'])} ${pick(['<', '==', '>='])} ${longs()}`} };`;
function validated(list) {
  const ok = list.filter(t => good(() => cedar.checkParsePolicySet({ staticPolicies: { p: t } })));
  const policies = Object.fromEntries(ok.map((t, i) => [`p${i}`, t]));
  const r = cedar.validate({ schema: typed, policies: { staticPolicies: policies }, validationSettings: { mode: 'strict' } });
  if (r.type !== 'success') throw new Error(JSON.stringify(r.errors));
  const of = (l, re) => new Set(l.filter(x => !re || re.test(x.error.message)).map(x => x.policyId));
  const bad = of(r.validationErrors), never = of(r.validationWarnings, /impossible/), idle = of(r.validationWarnings, /unable to find an applicable action/);
  // of an invalid policy the reference does not always say that it is impossible too
  return ok.map((policy, i) => ({ kind: 'validate', policy, expect: { valid: !bad.has(`p${i}`), impossible: never.has(`p${i}`), inapplicable: idle.has(`p${i}`) } })).filter(v => v.expect.valid || !v.expect.impossible);
}
function entity() {
  const j = chance(0.15) ? fixture.entities : spoil(fixture.entities), schema = chance(0.5);
  const list = Array.isArray(j) && schema ? j.filter(e => e?.uid?.type !== 'Action') : j;
  const r = good(() => cedar.checkParseEntities(schema ? { schema: typed, entities: list } : { entities: list }));
  return r === null ? [] : [{ kind: 'parse-entities', entities: list, ...(schema ? { schema: 'S2' } : {}), expect: r ? 'ok' : 'error' }];
}
function parse(text) {
  const ok = good(() => cedar.checkParsePolicySet({ staticPolicies: text }));
  if (ok) return { kind: 'parse-policies', text, expect: 'ok' };
  const t = template.test(text) && good(() => cedar.checkParsePolicySet({ templates: { p: text } }));
  return { kind: 'parse-policies', text, expect: t ? 'ok-template' : 'error' };
}
function est(text) {
  const r = cedar.policyToJson(text);
  return r.type !== 'success' || /\d{16}/.test(text) ? null : { kind: 'policy-to-est', text, expect: r.json };
}

const dir = process.argv[2], count = Number(process.argv[3] || 1000), seed = Number(process.argv[4] || 1);
state = Math.imul(seed, 2654435761) | 0;
const out = [];
while (out.length < count) {
  out.push(...evals(times(60, () => bool(3))));
  for (let i = 0; i < 16; i++) out.push(parse(policyText(1)));
  for (let i = 0; i < 12; i++) { const t = schemaText(); out.push({ kind: 'parse-schema', text: t, expect: good(() => cedar.checkParseSchema(t)) ? 'ok' : 'error' }); }
  out.push(...validated(times(24, policy2)));
  for (let i = 0; i < 8; i++) out.push(...entity());
  for (let i = 0; i < 12; i++) {
    const e = est(plainPolicy(1));
    if (!e) continue;
    out.push(e);
    const j = spoil(e.expect);
    out.push({ kind: 'parse-est', json: j, expect: good(() => cedar.policyToText(j)) ? 'ok' : 'error' });
  }
}
mkdirSync(`${dir}/edge-vectors`, { recursive: true });
writeFileSync(`${dir}/edge-vectors/fixture.json`, JSON.stringify(fixture));
for (const name of ['validate', 'S2']) writeFileSync(`${dir}/edge-vectors/${name}.cedarschema`, typed);
writeFileSync(`${dir}/edge-vectors/vectors.jsonl`, out.map(v => JSON.stringify(v) + '\n').join(''));
console.log(`${out.length} vectors`);
