// generate.mjs COUNT [SEED]: random schemas, policies, entities and requests, one JSON object a line, each with what the
// reference implementation says of it. Deterministic for a seed. Read by cedar-differential.
import { createRequire } from 'node:module';
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
const some = (list, p) => list.filter(() => chance(p));
const quote = s => JSON.stringify(s);
const key = s => /^[A-Za-z_][A-Za-z0-9_]*$/.test(s) && !['in', 'if', 'has'].includes(s) ? s : quote(s);

// ---- schemas: types are {k: 'Long'…} | {k: 'Set', of} | {k: 'Rec', attrs} | {k: 'Ent', name} | {k: 'Ref', name, to}

const NAMES = ['a', 'b', 'c', 'x y', 'n', 'if'];
const IDS = ['x', 'y', 'z', ''];
const PLAIN = ['Long', 'String', 'Bool', 'Long', 'String', 'Bool', 'decimal', 'ipaddr', 'datetime', 'duration'];

function typeOf(w, depth) {
  const r = roll();
  if (depth <= 0 || r < 0.5) return { k: pick(PLAIN) };
  if (r < 0.65) return { k: 'Set', of: typeOf(w, depth - 1) };
  if (r < 0.78) return { k: 'Rec', attrs: attrsOf(w, depth - 1) };
  if (r < 0.88 && w.commons.length) { const c = pick(w.commons); return { k: 'Ref', name: c.name, to: c.type }; }
  return { k: 'Ent', name: pick(w.types).name };
}
function attrsOf(w, depth) {
  return some(NAMES, 0.45).map(name => ({ name, type: typeOf(w, depth), opt: chance(0.4) }));
}
const bare = t => t.k === 'Ref' ? bare(t.to) : t;

function typeText(t) {
  switch (t.k) {
    case 'Set': return `Set<${typeText(t.of)}>`;
    case 'Rec': return `{${t.attrs.map(a => `${key(a.name)}${a.opt ? '?' : ''}: ${typeText(a.type)}`).join(', ')}}`;
    case 'Ent': case 'Ref': return t.name;
    default: return t.k;
  }
}

function world() {
  const ns = chance(0.25) ? 'N::' : '';
  const w = { ns, types: [], commons: [], actions: [] };
  for (const name of ['User', 'Group', 'Doc'].slice(0, 2 + below(2))) w.types.push({ name: ns + name, attrs: [], parents: [] });
  if (chance(0.4)) w.types.push({ name: ns + 'Color', enum: some(IDS, 0.6).concat('red'), attrs: [], parents: [] });
  if (chance(0.4)) w.commons.push({ name: ns + 'T', type: { k: 'Rec', attrs: attrsOf(w, 1) } });
  if (chance(0.2)) w.commons.push({ name: ns + 'U', type: typeOf(w, 1) });
  for (const t of w.types) if (!t.enum) {
    t.attrs = attrsOf(w, 2);
    t.parents = some(w.types, 0.35).map(p => p.name);
    t.tags = chance(0.35) ? typeOf(w, 1) : null;
  }
  const group = chance(0.7) ? { id: 'grp', in: [] } : null;
  for (const id of ['view', 'edit', 'do it'].slice(0, 1 + below(3))) {
    const applies = chance(0.9);
    const context = !applies ? null : w.commons.length && chance(0.3) && bare(w.commons[0].type).k === 'Rec'
      ? { k: 'Ref', name: w.commons[0].name, to: w.commons[0].type } : { k: 'Rec', attrs: attrsOf(w, 2) };
    w.actions.push({ id, applies, in: group && chance(0.6) ? ['grp'] : [], context,
      principals: [...new Set([pick(w.types).name, pick(w.types).name])], resources: [...new Set([pick(w.types).name, pick(w.types).name])] });
  }
  if (group) w.actions.push({ ...group, applies: false, principals: [], resources: [] });
  return w;
}

function schemaText(w) {
  const cut = n => n.startsWith(w.ns) ? n.slice(w.ns.length) : n;
  let s = '';
  for (const c of w.commons) s += `type ${cut(c.name)} = ${typeText(c.type)};\n`;
  for (const t of w.types)
    s += t.enum ? `entity ${cut(t.name)} enum [${t.enum.map(quote).join(', ')}];\n`
      : `entity ${cut(t.name)}${t.parents.length ? ` in [${t.parents.join(', ')}]` : ''} ${typeText({ k: 'Rec', attrs: t.attrs })}${t.tags ? ` tags ${typeText(t.tags)}` : ''};\n`;
  for (const a of w.actions)
    s += `action ${quote(a.id)}${a.in.length ? ` in [${a.in.map(quote).join(', ')}]` : ''}${a.applies
      ? ` appliesTo { principal: [${a.principals.join(', ')}], resource: [${a.resources.join(', ')}], context: ${typeText(a.context)} }` : ''};\n`;
  if (w.ns) s = `namespace N {\n${s}}\n`;
  return chance(0.06) ? damage(s) : s;
}

const SCRAPS = ['?', ',', ';', 'in', 'Long', '{', '}', '::', '"', '//', '\\', '@a', '()', '.a', '[', ']', '!', '-', '&&', ' has ', ' like "*"', '\u00a0', '\u{41}',
  'true', 'if', '__cedar', '=', '==', '<', 'é', '0', '?principal', '\n', '\r', '\t', 'principal', ' is User', "\\'"];
// A character more, less, doubled or moved: most of it no longer parses, and where it does it means something else.
function damage(s) {
  for (let n = 1 + below(2); n > 0; n--) {
    const i = below(s.length), j = Math.min(s.length, i + 1 + below(6));
    const r = roll();
    s = r < 0.35 ? s.slice(0, i) + s.slice(j) : r < 0.8 ? s.slice(0, i) + pick(SCRAPS) + s.slice(i) : s.slice(0, j) + s.slice(i);
  }
  return s;
}

// Small names in few places, so that they hide, shadow and miss one another. Most of what is named is declared.
function namesSchema() {
  const COMMON = ['A', 'T', 'U', 'ipaddr', 'Action', 'entity'], ENTITY = ['A', 'B', 'C', 'Long', 'Set', 'ipaddr'], ACTION = ['x', 'y', '"z z"'];
  const BUILTIN = ['Long', 'String', 'Bool', 'ipaddr', 'decimal', '__cedar::Long', '__cedar::ipaddr'];
  const many = chance(0.5);
  const places = ['', 'N', 'M', 'N::O'].filter((p, i) => i < 2 || chance(0.4)).map(name => ({ name,
    commons: some(COMMON, many && name ? 0.1 : 0.3), entities: some(ENTITY, many && name ? 0.12 : 0.35), actions: some(ACTION, many && name ? 0.2 : 0.5) }));
  // the empty namespace may not be shadowed: mostly it is not
  for (const p of places) if (p.name && chance(0.93)) {
    p.commons = p.commons.filter(n => !places[0].commons.includes(n) && !places[0].entities.includes(n));
    p.entities = p.entities.filter(n => !places[0].commons.includes(n) && !places[0].entities.includes(n));
    p.actions = p.actions.filter(n => !places[0].actions.includes(n));
  }
  let here;
  const named = kind => {
    const p = chance(0.6) ? here : pick(places);
    const n = p[kind].length ? pick(p[kind]) : null;
    if (!n || chance(0.03)) return null;
    return p === here && chance(0.7) || !p.name ? n : `${p.name}::${n}`;
  };
  const wild = () => chance(0.03) ? `${pick(['N', '__cedar', 'A', 'Action'])}::${pick(ENTITY)}` : chance(0.03) ? pick(['Set', 'Action', 'Boolean', 'N::Action']) : null;
  const leaf = () => wild() || (chance(0.4) ? pick(BUILTIN) : chance(0.5) ? named('entities') : named('commons')) || pick(BUILTIN);
  const entity = () => wild() || named('entities') || named('entities') || places[0].entities[0] || 'A';
  const record = (d, names) => `{${names.map(n => `${n}${chance(0.3) ? '?' : ''}: ${type(d - 1)}`).join(', ')}}`;
  const type = d => d > 0 && chance(0.25) ? `Set<${type(d - 1)}>` : d > 0 && chance(0.2) ? record(d, some(['a', 'b', 'a'], 0.5)) : leaf();
  const act = () => { const p = chance(0.6) ? here : pick(places), id = p.actions.length ? pick(p.actions) : 'w';
    return p === here && chance(0.6) ? id : `${p.name && chance(0.8) ? p.name + '::' : ''}Action::${id.startsWith('"') ? id : quote(id)}`; };
  let s = '';
  for (here of places) {
    const out = [];
    for (const c of here.commons) out.push(`${chance(0.1) ? '@a("b") ' : ''}type ${c} = ${chance(0.4) ? record(2, ['a', 'b']) : type(2)};`);
    for (const e of here.entities) out.push(chance(0.1) ? `entity ${e} enum ["a"${chance(0.3) ? ', "a"' : ''}];`
      : `${chance(0.1) ? '@if ' : ''}entity ${e}${chance(0.4) ? ` in ${chance(0.5) ? entity() : `[${entity()}, ${entity()}]`}` : ''}${
        chance(0.6) ? `${pick(['', ' ='])} ${record(3, ['a', '"b"', 'Long'])}` : ''}${chance(0.2) ? ` tags ${type(1)}` : ''};`);
    here.actions.forEach((a, i) => out.push(`action ${a}${i === 0 ? '' : chance(0.5) ? ` in ${act()}` : ''}${
      chance(0.6) ? ` appliesTo {principal: ${entity()}, resource: [${entity()}, ${entity()}]${chance(0.5) ? `, context: ${chance(0.4) ? named('commons') || '{}' : record(2, ['c', 'd'])}` : ''}}` : ''};`));
    if (chance(0.5)) out.reverse();
    s += here.name ? `namespace ${here.name} {\n${out.join('\n')}\n}\n` : out.join('\n') + '\n';
  }
  return s;
}

// ---- expressions

const NUMBERS = ['0', '1', '2', '7', '(-3)', '9223372036854775807'];
const TEXTS = ['', 'x', 'abc', 'red', 'a*c', 'é'];
const EXT = {
  decimal: ['1.0', '0.5', '-0.25', '1.2345', '1.23456', 'x'], ipaddr: ['10.0.0.1', '10.0.0.0/8', '::1', '1.2.3'],
  datetime: ['2024-01-02', '2024-01-02T03:04:05Z', '1969-12-31T23:59:59.999-0100', '2024-13-01'],
  duration: ['1h', '-2d3h', '5ms', '1s1ms', '1m1h'],
};
const FN = { decimal: 'decimal', ipaddr: 'ip', datetime: 'datetime', duration: 'duration' };
const extText = (k, good) => pick(good ? EXT[k].slice(0, -1) : EXT[k]);

// Everything reachable from the variables with its type: [text, type, optional steps to test first].
function paths(w, env, depth) {
  const out = [];
  const walk = (text, type, tests, left) => {
    const t = bare(type);
    out.push([text, t, tests]);
    if (left === 0) return;
    const attrs = t.k === 'Rec' ? t.attrs : t.k === 'Ent' ? (w.types.find(x => x.name === t.name) || { attrs: [] }).attrs : [];
    for (const a of attrs) {
      const plain = key(a.name) === a.name;
      walk(plain ? `${text}.${a.name}` : `${text}[${quote(a.name)}]`, a.type, a.opt ? tests.concat(`${text} has ${key(a.name)}`) : tests, left - 1);
    }
    const own = t.k === 'Ent' && w.types.find(x => x.name === t.name);
    if (own && own.tags) {
      const k = quote(pick(TEXTS));
      walk(`${text}.getTag(${k})`, own.tags, tests.concat(`${text}.hasTag(${k})`), left - 1);
    }
  };
  walk('principal', { k: 'Ent', name: env.principal }, [], depth);
  walk('resource', { k: 'Ent', name: env.resource }, [], depth);
  if (env.action.context) walk('context', env.action.context, [], depth);
  return out;
}
const same = (a, b) => {
  a = bare(a); b = bare(b);
  if (a.k !== b.k) return false;
  if (a.k === 'Set') return same(a.of, b.of);
  if (a.k === 'Ent') return a.name === b.name;
  return a.k !== 'Rec' || a.attrs === b.attrs;
};

function uid(w, name) {
  const t = w.types.find(x => x.name === name);
  const id = t && t.enum && chance(0.95) ? pick(t.enum) : pick(IDS);
  return `${chance(0.01) ? 'Nope' : name}::${quote(id)}`;
}
const actionUid = (w, a) => `${w.ns}Action::${quote(chance(0.02) ? 'nope' : a.id)}`;

// Some expression of the type, as [text, tests]; now and then of another.
function expr(w, env, type, depth) {
  let t = bare(type);
  if (chance(0.03)) t = bare(typeOf(w, 1));
  const known = env.paths.filter(p => same(p[1], t));
  if (known.length && chance(0.55)) { const p = pick(known); return [p[0], chance(0.95) ? p[2] : []]; }
  if (depth > 0 && chance(0.08)) {
    const [c, ct] = bool(w, env, depth - 1), [x, xt] = expr(w, env, t, depth - 1), [y, yt] = expr(w, env, t, depth - 1);
    return [`(if ${c} then ${x} else ${y})`, [...ct, ...xt, ...yt]];
  }
  switch (t.k) {
    case 'Long':
      if (depth > 0 && chance(0.3)) {
        const [x, xt] = expr(w, env, t, depth - 1), [y, yt] = expr(w, env, t, depth - 1);
        return chance(0.1) ? [`(-${x})`, xt] : [`(${x} ${pick(['+', '-', '*'])} ${y})`, [...xt, ...yt]];
      }
      return [pick(NUMBERS), []];
    case 'String': return [quote(pick(TEXTS)), []];
    case 'Bool': return depth > 0 ? bool(w, env, depth - 1).map((v, i) => i ? v : `(${v})`) : [pick(['true', 'false']), []];
    case 'Set': {
      const parts = Array.from({ length: chance(0.03) ? 0 : 1 + below(3) }, () => expr(w, env, t.of, depth - 1));
      return [`[${parts.map(p => p[0]).join(', ')}]`, parts.flatMap(p => p[1])];
    }
    case 'Rec': {
      const parts = t.attrs.filter(a => !a.opt || chance(0.3)).map(a => [a.name, expr(w, env, a.type, depth - 1)]);
      return [`{${parts.map(p => `${key(p[0])}: ${p[1][0]}`).join(', ')}}`, parts.flatMap(p => p[1][1])];
    }
    case 'Ent': return [uid(w, t.name), []];
    default: return [`${FN[t.k]}(${quote(extText(t.k, chance(0.95)))})`, []];
  }
}

// What must hold for the text to be safe is asked first, mostly.
const guard = ([text, tests]) => {
  const first = [...new Set(tests)].filter(() => chance(0.97));
  return first.length ? [`(${first.join(' && ')} && ${text})`, []] : [text, []];
};

function bool(w, env, depth) {
  const e = (k, d = depth) => expr(w, env, k, d);
  const two = (x, y, f) => guard([f(x[0], y[0]), [...x[1], ...y[1]]]);
  const p = pick(env.paths);
  const ents = env.paths.filter(q => q[1].k === 'Ent');
  const sets = env.paths.filter(q => q[1].k === 'Set');
  switch (below(depth > 0 ? 19 : 12)) {
    case 0: case 1: return two([p[0], p[2]], e(p[1]), (x, y) => `${x} ${pick(['==', '!='])} ${y}`);
    case 2: return two(e({ k: 'Long' }), e({ k: 'Long' }), (x, y) => `${x} ${pick(['<', '<=', '>', '>='])} ${y}`);
    case 3: { const k = { k: pick(['datetime', 'duration', 'decimal']) };
      return two(e(k), e(k), (x, y) => k.k === 'decimal' && chance(0.9) ? `${x}.${pick(['lessThan', 'greaterThanOrEqual'])}(${y})` : `${x} ${pick(['<', '>='])} ${y}`); }
    case 4: { const q = pick(ents), r = pick(w.types).name;
      return guard([`${q[0]} in ${chance(0.5) ? uid(w, r) : `[${uid(w, r)}, ${uid(w, chance(0.9) ? r : pick(w.types).name)}]`}`, q[2]]); }
    case 5: { const q = pick(ents); return guard([`${q[0]} is ${chance(0.02) ? 'Nope' : pick(w.types).name}${chance(0.3) ? ` in ${uid(w, pick(w.types).name)}` : ''}`, q[2]]); }
    case 6: { const q = pick(env.paths); return guard([`${q[0]} has ${chance(0.2) ? 'a.b' : key(pick(NAMES))}`, q[2]]); }
    case 7: return two(e({ k: 'String' }), ['', []], x => `${x} like ${quote(pick(TEXTS))}`);
    case 8: { if (!sets.length) return [pick(['true', 'false']), []];
      const q = pick(sets);
      return chance(0.15) ? guard([`${q[0]}.isEmpty()`, q[2]]) : chance(0.5) ? two([q[0], q[2]], e(q[1].of), (x, y) => `${x}.contains(${y})`)
        : two([q[0], q[2]], e(q[1]), (x, y) => `${x}.${pick(['containsAll', 'containsAny'])}(${y})`); }
    case 9: return [chance(0.5) ? `action ${pick(['==', 'in'])} ${actionUid(w, pick(w.actions))}` : `action in [${actionUid(w, pick(w.actions))}, ${actionUid(w, pick(w.actions))}]`, []];
    case 10: { const q = pick(ents), k = quote(pick(TEXTS)); return guard([`${q[0]}.hasTag(${k})`, q[2]]); }
    case 11: { const x = e({ k: pick(['ipaddr', 'datetime', 'duration']) });
      const f = pick(['isIpv4()', 'isLoopback()', `isInRange(ip("10.0.0.0/8"))`, 'toDate() == datetime("2024-01-02")', 'toMilliseconds() > 1', 'toTime() < duration("1h")']);
      return guard([`${x[0]}.${f}`, x[1]]); }
    case 12: case 13: case 14: { const parts = Array.from({ length: 2 + below(2) }, () => bool(w, env, depth - 1)); return [`(${parts.map(x => x[0]).join(' && ')})`, []]; }
    case 15: case 16: { const parts = Array.from({ length: 2 + below(2) }, () => bool(w, env, depth - 1)); return [`(${parts.map(x => x[0]).join(' || ')})`, []]; }
    case 17: return [`!(${bool(w, env, depth - 1)[0]})`, []];
    default: return [`(if ${bool(w, env, depth - 1)[0]} then ${bool(w, env, depth - 1)[0]} else ${bool(w, env, depth - 1)[0]})`, []];
  }
}

function scope(w, variable, name, slot) {
  const r = roll();
  if (slot) return `${variable} ${pick(['== ', 'in ', `is ${name} in `])}?${variable}`;
  if (r < 0.4) return variable;
  if (r < 0.6) return `${variable} == ${uid(w, chance(0.9) ? name : pick(w.types).name)}`;
  if (r < 0.75) return `${variable} in ${uid(w, pick(w.types).name)}`;
  if (r < 0.92) return `${variable} is ${chance(0.95) ? name : pick(w.types).name}`;
  return `${variable} is ${name} in ${uid(w, pick(w.types).name)}`;
}
function policy(w, template) {
  const able = w.actions.filter(a => a.applies);
  const action = able.length ? pick(able) : { ...w.actions[0], principals: [w.types[0].name], resources: [w.types[0].name], context: { k: 'Rec', attrs: [] } };
  const env = { action, principal: pick(action.principals), resource: pick(action.resources) };
  env.paths = paths(w, env, 3);
  const act = chance(0.5) ? `action == ${actionUid(w, action)}` : chance(0.4) ? 'action' : chance(0.5) ? `action in ${actionUid(w, pick(w.actions))}`
    : `action in [${some(w.actions, 0.6).map(a => actionUid(w, a)).join(', ')}]`;
  let s = `${pick(['permit', 'forbid', 'permit'])}(${scope(w, 'principal', env.principal, template && chance(0.7))}, ${act}, ${scope(w, 'resource', env.resource, template)})`;
  s = some(['@id("x")', '@if', '@a("é\\u{1F600}\\n")'], 0.08).map(x => x + ' ').join('') + s;
  for (let i = below(3); i > 0; i--) s += ` ${pick(['when', 'when', 'unless'])} { ${bool(w, env, 2)[0]} }`;
  return s + ';';
}

// ---- values

function value(w, type, depth = 3) {
  const t = bare(type);
  if (chance(0.004)) return pick([1, 'x', true, [], {}, null, { __entity: { type: 'Nope', id: '' } }]);
  switch (t.k) {
    case 'Long': return below(20) - 5;
    case 'String': return pick(TEXTS);
    case 'Bool': return chance(0.5);
    case 'Set': return Array.from({ length: below(3) }, () => value(w, t.of, depth - 1));
    case 'Rec': return record(w, t.attrs, depth);
    case 'Ent': { const own = w.types.find(x => x.name === t.name);
      const u = { type: t.name, id: own.enum && chance(0.98) ? pick(own.enum) : pick(IDS) }; return chance(0.5) ? u : { __entity: u }; }
    default: { const c = { fn: FN[t.k], arg: extText(t.k, chance(0.98)) }; const r = roll(); return r < 0.4 ? { __extn: c } : r < 0.7 ? c : c.arg; }
  }
}
function record(w, attrs, depth) {
  const r = {};
  for (const a of attrs) if (!a.opt || chance(0.6)) if (chance(0.99)) r[a.name] = value(w, a.type, depth - 1);
  if (chance(0.01)) r.extra = 1;
  return r;
}
function entities(w) {
  const list = [];
  for (const t of w.types) for (const id of t.enum ? [] : some(IDS, 0.5)) {
    const e = { uid: { type: t.name, id }, attrs: record(w, t.attrs, 3), parents: [] };
    for (const p of t.parents) if (chance(0.4)) {
      const own = w.types.find(x => x.name === p);
      const pid = own.enum ? pick(own.enum) : pick(IDS);
      if (p !== t.name || pid < id) e.parents.push({ type: p, id: pid });
    }
    if (t.tags && chance(0.5)) e.tags = Object.fromEntries(some(TEXTS, 0.4).map(k => [k, value(w, t.tags)]));
    list.push(e);
  }
  return list;
}
function request(w) {
  const able = w.actions.filter(a => a.applies);
  const a = able.length && chance(0.98) ? pick(able) : pick(w.actions);
  const ent = list => { const name = list.length && chance(0.99) ? pick(list) : pick(w.types).name; const own = w.types.find(x => x.name === name);
    return { type: name, id: own.enum ? pick(own.enum) : pick(IDS) }; };
  return { principal: ent(a.principals), action: { type: `${w.ns}Action`, id: a.id }, resource: ent(a.resources),
    context: a.context ? record(w, bare(a.context).attrs, 3) : {} };
}

// Values for exactly the slots the template has; often what the request asks about.
function links(w, text, request) {
  const slots = ['principal', 'resource'].filter(s => text.includes('?' + s));
  return Array.from({ length: slots.length ? 1 + below(2) : 0 }, (_, i) => ({ newId: `link${i}`,
    values: Object.fromEntries(slots.map(s => [`?${s}`, chance(0.6) ? request[s] : { type: pick(w.types.filter(t => !t.enum)).name, id: pick(IDS) }])) }));
}

// ---- JSON, a little wrong

const MEMBERS = ['type', 'id', 'attrs', 'parents', 'tags', 'uid', '__entity', '__extn', '__expr', 'fn', 'arg', 'args', 'element', 'attributes', 'required', 'name',
  'additionalAttributes', 'annotations', 'memberOf', 'memberOfTypes', 'appliesTo', 'principalTypes', 'resourceTypes', 'context', 'shape', 'enum', 'commonTypes',
  'entityTypes', 'actions', 'op', 'entity', 'entities', 'slot', 'entity_type', 'in', 'effect', 'conditions', 'kind', 'body', 'Value', 'Var', 'Record', 'Set', 'left',
  'right', 'attr', 'pattern', 'if', 'then', 'else', 'isEmpty', 'decimal', 'ip', 'lessThan', 'like', 'has', '.', '==', '&&', '!', 'neg', 'Slot', 'x', 'a b', 'Unknown'];
const SCALARS = [null, true, false, 0, 1, -1, 1.5, '', 'x', 'A', 'Long', 'String', 'Boolean', 'Set', 'Record', 'Entity', 'Extension', 'EntityOrCommon', 'ipaddr', 'Bool',
  'User', 'N::User', 'A::', '__cedar::Long', 'permit', 'when', 'unless', 'All', '==', 'in', 'is', 'principal', '?principal', '?resource', '10.0.0.1', '1.0', 'Wildcard'];
// (An empty array passes for any object without required members in the reference; here it does not.)
const small = () => chance(0.7) ? pick(SCALARS) : chance(0.5) ? [0] : chance(0.5) ? {} : { [pick(MEMBERS)]: pick(SCALARS) };
function spoil(root) {
  const copy = JSON.parse(JSON.stringify(root)), places = [];
  const walk = v => { if (v && typeof v === 'object') { places.push(v); for (const k of Object.keys(v)) walk(v[k]); } };
  walk(copy);
  const at = pick(places), keys = Object.keys(at), k = keys.length ? pick(keys) : null, r = roll();
  if (Array.isArray(at)) {
    if (k === null || r < 0.3) at.splice(below(at.length + 1), 0, small());
    else if (r < 0.55) at.splice(Number(k), 1);
    else if (r < 0.7) at.push(at[k]);
    else at[k] = small();
  } else if (k === null || r < 0.2) at[pick(MEMBERS)] = small();
  else if (r < 0.4) delete at[k];
  else if (r < 0.6) { const v = at[k]; delete at[k]; at[pick(MEMBERS)] = v; }
  else if (r < 0.75) at[k] = { [pick(MEMBERS)]: at[k] };
  else at[k] = small();
  return copy;
}
const accepted = f => { try { return f().type === 'success'; } catch { return false; } };
// [document, accepted?] of damaged forms; what the reference itself wrote is the ground.
function spoiled(c, out) {
  const made = { schemas: [], entities: [], policies: [] };
  for (let i = below(3); i > 0; i--) { const j = spoil(out.schemaJson); made.schemas.push([j, accepted(() => cedar.checkParseSchema(j))]); }
  if (c.entities.length) for (let i = below(4); i > 0; i--) { const j = spoil(c.entities);
    made.entities.push([j, accepted(() => cedar.checkParseEntities({ schema: c.schema, entities: j })), accepted(() => cedar.checkParseEntities({ entities: j }))]); }
  if (out.est && !c.template) for (let i = below(4); i > 0; i--) { const j = spoil(pick(out.est)); made.policies.push([j, accepted(() => cedar.policyToText(j))]); }
  return made;
}

// ---- asking

const impossible = /policy is impossible|impossible/;
const inapplicable = /unable to find an applicable action/;

// What every name came to mean, as cedar_type_print shows types.
function resolved(json) {
  const commons = {}, out = { types: {}, actions: {} };
  const full = (ns, n) => ns ? `${ns}::${n}` : n;
  for (const [ns, d] of Object.entries(json)) for (const [n, t] of Object.entries(d.commonTypes || {})) commons[full(ns, n)] = t;
  const order = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const show = t => {
    switch (t.type) {
      case 'Set': return `Set<${show(t.element)}>`;
      case 'Record': return `{${Object.keys(t.attributes).sort(order).map(k => `${k}${t.attributes[k].required === false ? '?' : ''}: ${show(t.attributes[k])}`).join(', ')}}`;
      case 'Entity': case 'Extension': return t.name;
      case 'Boolean': return 'Bool';
      default: return commons[t.type] ? show(commons[t.type]) : t.type.replace(/^__cedar::/, '');
    }
  };
  const types = list => [...new Set(list)].sort(order).join(' ');
  for (const [ns, d] of Object.entries(json)) {
    for (const [n, e] of Object.entries(d.entityTypes)) out.types[full(ns, n)] = { shape: e.shape ? show(e.shape) : '{}', tags: e.tags ? show(e.tags) : '' };
    for (const [id, a] of Object.entries(d.actions)) out.actions[`${full(ns, 'Action')}::${id}`] = {
      context: a.appliesTo?.context ? show(a.appliesTo.context) : '{}', principals: types(a.appliesTo?.principalTypes || []), resources: types(a.appliesTo?.resourceTypes || []) };
  }
  return out;
}

function ask(c) {
  const out = { schema: cedar.checkParseSchema(c.schema).type === 'success' };
  if (!out.schema) return out;
  out.schemaJson = cedar.schemaToJson(c.schema).json;
  out.resolved = resolved(cedar.schemaToJsonWithResolvedTypes(c.schema).json);
  const policies = c.template ? { templates: { policy0: c.policies } } : { staticPolicies: c.policies };
  const v = cedar.validate({ schema: c.schema, policies, validationSettings: { mode: 'strict' } });
  out.policies = v.type === 'success';
  if (out.policies) {
    const ids = list => [...new Set(list.map(x => x.policyId))].sort();
    out.invalid = ids(v.validationErrors);
    out.impossible = ids(v.validationWarnings.filter(x => impossible.test(x.error.message)));
    out.inapplicable = ids(v.validationWarnings.filter(x => inapplicable.test(x.error.message)));
    // its JavaScript form rounds what a double can not hold
    if (!c.policies.includes('9223372036854775807')) out.est = c.damaged ? undefined : c.policies.split('\n').map(p => (c.template ? cedar.templateToJson(p) : cedar.policyToJson(p)).json);
  }
  if (chance(0.5)) out.spoiled = spoiled(c, out);
  out.entities = cedar.checkParseEntities({ schema: c.schema, entities: c.entities }).type === 'success';
  if (out.policies && out.entities) {
    if (c.links) policies.templateLinks = c.links.map(l => ({ templateId: 'policy0', newId: l.newId, values: l.values }));
    const r = cedar.isAuthorized({ ...c.request, schema: c.schema, validateRequest: true, policies, entities: c.entities });
    out.request = r.type === 'success';
    if (out.request) {
      out.decision = r.response.decision;
      out.reason = r.response.diagnostics.reason;
      out.errors = r.response.diagnostics.errors.map(x => x.policyId);
    }
  }
  return out;
}

const count = Number(process.argv[2] || 1000), seed = Number(process.argv[3] || 1);
const lines = [];
for (let i = 0; i < count; i++) {
  state = Math.imul(seed * 1000003 + i, 2654435761) | 0;
  const w = world();
  const template = chance(0.08);
  const c = { case: `${seed}:${i}`, schema: schemaText(w), template, policies: Array.from({ length: template ? 1 : 1 + below(3) }, () => policy(w, template)).join('\n'),
    entities: entities(w), request: request(w) };
  if (chance(0.15)) Object.assign(c, { schema: namesSchema(), policies: 'permit(principal, action, resource);', entities: [], template: false });
  if (c.template) c.links = links(w, c.policies, c.request);
  if (!c.template && chance(0.12)) { c.policies = damage(c.policies); c.damaged = true; }
  try {
    lines.push(JSON.stringify({ ...c, expect: ask(c) }));
  } catch (e) {
    console.error(`${c.case}: the reference failed: ${e.message}`);
    process.exit(1);
  }
  if (lines.length === 200) process.stdout.write(lines.splice(0).join('\n') + '\n');
}
process.stdout.write(lines.map(l => l + '\n').join(''));
