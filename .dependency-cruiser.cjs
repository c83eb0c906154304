// Imports point one way (see the map of rooms in README.md). A room may import itself and what is listed here.
const mayImport = {
  protocol: [],
  store: ['protocol'],
  mesh: ['protocol'],
  supply: ['store', 'protocol'],
  sw: ['supply', 'store', 'protocol'],
  'page-bridge': ['mesh', 'store', 'protocol'],
  seeder: ['mesh', 'supply', 'store', 'protocol'],
  'manifest-tool': ['seeder', 'protocol'],
}
const rooms = [...Object.keys(mayImport), 'demo', 'bench', 'test', 'scripts']

module.exports = {
  forbidden: [
    // Types may refer to one another in a circle: nothing is left of that when the code runs.
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-test-code-in-rooms',
      severity: 'error',
      from: { path: '^(protocol|store|mesh|supply|sw|page-bridge|seeder|manifest-tool)/', pathNot: '\\.(test|slow)\\.ts$' },
      to: { path: '(^test/|\\.test\\.ts$)' },
    },
    ...Object.entries(mayImport).map(([room, allowed]) => ({
      name: `${room}-imports`,
      severity: 'error',
      from: { path: `^${room}/`, pathNot: '\\.(test|slow)\\.ts$' },
      to: { path: `^(${rooms.filter((other) => other !== room && !allowed.includes(other)).join('|')})/` },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'], exportsFields: ['exports'], conditionNames: ['import', 'browser', 'default', 'types'] },
  },
}
