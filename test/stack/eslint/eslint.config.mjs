// eslint.config.mjs - what test/lint asks of page/ and of its tests. The rules are named here one by one, so that
// nothing besides ESLint is needed.

const BROWSER = ["AbortSignal", "URL", "addEventListener", "clearTimeout", "document", "fetch", "setTimeout"];
const TESTS = ["document"];

const named = names => Object.fromEntries(names.map(name => [name, "readonly"]));

const RULES = ["array-callback-return", "constructor-super", "curly", "eqeqeq", "for-direction", "getter-return",
	"no-async-promise-executor", "no-class-assign", "no-compare-neg-zero", "no-cond-assign", "no-console", "no-const-assign",
	"no-constant-binary-expression", "no-constant-condition", "no-debugger", "no-dupe-args", "no-dupe-class-members",
	"no-dupe-else-if", "no-dupe-keys", "no-duplicate-case", "no-duplicate-imports", "no-empty", "no-eval", "no-ex-assign",
	"no-fallthrough", "no-func-assign", "no-global-assign", "no-implicit-globals", "no-implied-eval", "no-import-assign",
	"no-inner-declarations", "no-invalid-regexp", "no-new-func", "no-obj-calls", "no-promise-executor-return", "no-prototype-builtins",
	"no-redeclare", "no-script-url", "no-self-assign", "no-self-compare", "no-setter-return", "no-shadow-restricted-names",
	"no-sparse-arrays", "no-this-before-super", "no-throw-literal", "no-undef", "no-unexpected-multiline", "no-unreachable",
	"no-unreachable-loop", "no-unsafe-finally", "no-unsafe-negation", "no-unsafe-optional-chaining", "no-unused-labels",
	"no-unused-private-class-members", "no-unused-vars", "no-use-before-define", "no-useless-escape", "no-var", "prefer-const",
	"require-yield", "use-isnan", "valid-typeof"];

// A name is shown as the text that it is: nothing may make elements of a text, nor keep a token.
const NEVER = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "localStorage", "sessionStorage", "cookie"];

export default [
	{
		files: ["page/*.mjs", "test/browser/*.mjs"],
		linterOptions: {reportUnusedDisableDirectives: "error"},
		rules: {
			...Object.fromEntries(RULES.map(rule => [rule, "error"])),
			curly: ["error", "multi"],
			"no-use-before-define": ["error", {functions: false, classes: false}],
			"max-lines": ["error", 400],
			"max-lines-per-function": ["error", 50],
			"max-depth": ["error", 3],
			"no-restricted-properties": ["error", {object: "document", property: "write"}, ...NEVER.map(property => ({property}))],
			"no-restricted-globals": ["error", "localStorage", "sessionStorage", "event", "name"],
		},
	},
	{files: ["page/*.mjs"], languageOptions: {globals: named(BROWSER)}},
	{files: ["test/browser/*.mjs"], languageOptions: {globals: named(TESTS)}},
];
