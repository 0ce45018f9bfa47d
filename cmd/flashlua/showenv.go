package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/hold"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) envCommand() *cli.Command {
	return &cli.Command{
		Name: "env", Usage: "show which variables and defaults apply, and where they are from", ArgsUsage: "[STATION]",
		Description: "Prints the folders that flashlua uses, and the flags that a variable of the environment or the lab file sets, with the\n" +
			"values that a run without flags has. With STATION they are those of a run on that station. Variables that begin with\n" +
			variablePrefix + " and that flashlua does not know are listed last. The exit code is 2 if a variable has a wrong value.\n\n" +
			"  flashlua env\n" +
			"  flashlua env bench-7",
		Flags:        []cli.Flag{labFlag(), &cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print JSON"}},
		OnUsageError: onUsageError,
		BashComplete: env.completeStations,
		Action:       env.showEnvironment,
	}
}

// The sources of settings.
const (
	fromEnvironment = "environment"
	fromLab         = "lab file"
	fromStation     = "station"
	fromCommandLine = "command line"
	fromDefault     = "default"
)

// setting is a value that applies to a run, in JSON. Secrets are masked.
type setting struct {
	Name  string `json:"name"` // a flag with its dashes, or the name of a folder
	Value string `json:"value"`
	From  string `json:"from"`            // a source
	Where string `json:"where,omitempty"` // the variable, or the line of the lab file
	Why   string `json:"why,omitempty"`   // the reason why the value does not apply
	Wrong bool   `json:"wrong,omitempty"` // the value is not one of the flag
}

// unknownVariable is a variable of the environment that flashlua does not have, in JSON.
type unknownVariable struct {
	Variable string `json:"variable"`
	Meant    string `json:"meant,omitempty"` // the nearest one that flashlua has
	Why      string `json:"why,omitempty"`   // the reason why its flag has no variable; "" for no flag
}

func (u unknownVariable) describe() string {
	switch {
	case u.Why != "":
		return "not used, its flag has no variable: " + u.Why
	case u.Meant != "":
		return "no variable of flashlua; did you mean " + u.Meant + "?"
	}
	return "no variable of flashlua"
}

// environment is what the command env prints, in JSON.
type environment struct {
	Settings []setting         `json:"settings"`
	Unknown  []unknownVariable `json:"unknown"`
}

func (env Env) showEnvironment(c *cli.Context) error {
	if c.NArg() > 1 {
		return usageErrorFor("env", "unexpected argument %q", c.Args().Get(1))
	}
	e := environment{Settings: []setting{}, Unknown: []unknownVariable{}}
	folders, l, err := env.folders(c)
	if err != nil {
		return err
	}
	e.Settings = append(e.Settings, folders...)
	x, s, err := env.runWithoutFlags(c, l)
	if err != nil {
		return err
	}
	e.Settings = append(e.Settings, env.flagSettings(x, s, l)...)
	e.Unknown = append(e.Unknown, unknownVariables(env.app(), env.environ())...)
	if c.Bool("json") {
		err = printJSON(env.Stdout, e)
	} else {
		err = printEnvironment(env.Stdout, e)
	}
	if err == nil && slices.ContainsFunc(e.Settings, func(s setting) bool { return s.Wrong }) {
		return exitCode(engine.ExitPlan)
	}
	return err
}

func (env Env) environ() []string {
	if env.Environ == nil {
		return nil
	}
	return env.Environ()
}

// folders returns the files and folders that a run uses, and the lab.
func (env Env) folders(c *cli.Context) (all []setting, l *bindings.Lab, err error) {
	add := func(name, value, variable string) {
		s := setting{Name: name, Value: value, From: fromDefault}
		if variable != "" && env.getenv(variable) != "" {
			s.From, s.Where = fromEnvironment, variable
		}
		all = append(all, s)
	}
	path, err := env.labPath(c)
	if err == nil {
		l, err = env.openLab(c, func(string) {})
	}
	if err != nil {
		return nil, nil, err
	}
	add("lab file", cmp.Or(path, "none"), labVariable)
	if isGiven(c, "lab") {
		all[0].From, all[0].Where = fromCommandLine, ""
	}
	cache, err := engine.CacheFromEnv(env.Getenv)
	switch {
	case err != nil:
		add("cache", env.getenv(cacheVariable), cacheVariable)
		all[len(all)-1].Why, all[len(all)-1].Wrong = err.Error(), true
	case cache == nil:
		add("cache", "none", cacheVariable)
	default:
		add("cache", cache.Dir(), cacheVariable)
		size := fmt.Sprintf("%d bytes", cache.Limit())
		if cache.Limit()%(1<<30) == 0 {
			size = fmt.Sprintf("%dG", cache.Limit()>>30)
		}
		add("cache size", size, cacheSizeVariable)
	}
	add("locks", hold.Folder(env.Getenv), hold.FolderVariable)
	if env.getenv(hold.Variable) != "" {
		add("hold", "this is a command of flashlua hold", hold.Variable)
	}
	return all, l, nil
}

// runWithoutFlags returns the command line of flashlua run without flags, for the station that an argument of c names,
// nil without one.
func (env Env) runWithoutFlags(c *cli.Context, l *bindings.Lab) (*cli.Context, *chosen, error) {
	run := env.runCommand()
	x := cli.NewContext(c.App, flag.NewFlagSet("", flag.ContinueOnError), nil)
	x.Context, x.Command = c.Context, run
	withOrigins(x, origins{})
	x, err := copyContext(x, c.Args().First())
	if err != nil || c.NArg() == 0 {
		return x, nil, err
	}
	if l == nil {
		return nil, nil, noLab()
	}
	st, err := stationNamed(l, strings.TrimPrefix(c.Args().First(), stationPrefix))
	if err != nil {
		return nil, nil, err
	}
	return x, &chosen{st, l}, nil
}

// flagSettings returns the flags of all commands that have a value from the environment, the station or the lab file. x
// is a run without flags. s is nil without a station, and l without a lab file.
func (env Env) flagSettings(x *cli.Context, s *chosen, l *bindings.Lab) (all []setting) {
	if s != nil {
		setFields(x, s.withoutReplaced(x), s.place())
	}
	var order []string
	for _, cmd := range env.app().Commands {
		for _, f := range variableFlags(cmd) {
			name := f.Names()[0]
			if slices.Contains(order, "--"+name) {
				continue
			}
			order = append(order, "--"+name)
			if value := env.getenv(variableOf(name)); value != "" && name != "lab" {
				all = append(all, variableSettings(x, s, cmd, f, value)...)
			}
		}
	}
	if l != nil {
		useDefaults(x, l)
		for _, finding := range env.checkDefaults(l) {
			all = append(all, setting{Name: "defaults", From: fromLab, Where: fmt.Sprintf("%s:%d", finding.File, finding.Line), Why: finding.Message, Wrong: true})
		}
	}
	for _, f := range x.Command.Flags {
		all = append(all, originSettings(x, s, f.Names()[0])...)
	}
	slices.SortStableFunc(all, func(a, b setting) int { return cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name)) })
	return all
}

// variableSettings returns the settings of a variable, one for each NAME=VALUE. It sets the flag of x if the run takes
// the value.
func variableSettings(x *cli.Context, s *chosen, cmd *cli.Command, f cli.Flag, value string) []setting {
	flag, isPair := f.Names()[0], slices.Contains(pairFlags, f.Names()[0])
	if !hasFlag(x.Command, flag) { // a flag of another command alone
		x = cli.NewContext(x.App, flagSetOf(cmd), nil)
		x.Command = cmd
		withOrigins(x, origins{})
	}
	made := setting{Name: "--" + flag, Value: maskValue(flag, value), From: fromEnvironment, Where: variableOf(flag)}
	if s != nil && slices.Contains(boardFlags, flag) {
		made.Why = "station " + s.Name + " has its own console and power"
		return []setting{made}
	}
	values := []string{value}
	if isPair {
		values = valuesOf(f, value)
	}
	var all []setting
	for _, v := range values {
		one := made
		one.Value = maskValue(flag, v)
		name, _, _ := strings.Cut(v, "=")
		if isPair && !strings.Contains(v, "=") {
			one.Why, one.Wrong = "a value has no =", true
		} else if origin := originsOf(x)[flag+" "+name]; isPair && origin != "" || !isPair && x.IsSet(flag) {
			one.Why = "the station has its own"
		} else if err := setDefault(x, f, v, made.Where); err != nil {
			one.Why, one.Wrong = err.Error(), true
		}
		all = append(all, one)
	}
	return all
}

func flagSetOf(cmd *cli.Command) *flag.FlagSet {
	set := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	for _, f := range cmd.Flags {
		f.Apply(set) // fails only for a default of the flag that is wrong
	}
	return set
}

// originSettings returns the values of a flag that are from the station or from the defaults of the lab file.
func originSettings(x *cli.Context, s *chosen, flag string) (all []setting) {
	add := func(origin, value string) {
		made := setting{Name: "--" + flag, Value: maskValue(flag, value), From: fromLab, Where: origin}
		if s != nil && origin == s.place() {
			made.From = fromStation
		}
		if origin != "" && !isVariable(origin) {
			all = append(all, made)
		}
	}
	if !slices.Contains(pairFlags, flag) {
		if origin := originsOf(x)[flag]; origin != "" {
			add(origin, textOf(x, flag))
		}
		return all
	}
	for _, pair := range *x.Generic(flag).(*repeated) {
		name, _, _ := strings.Cut(pair, "=")
		add(originsOf(x)[flag+" "+name], pair)
	}
	return all
}

// textOf returns the value of a flag as the command line has it.
func textOf(x *cli.Context, flag string) string {
	if values, ok := x.Generic(flag).(*repeated); ok {
		return values.String()
	}
	return fmt.Sprint(x.Value(flag))
}

// secretName matches the names whose values are likely secrets.
var secretName = regexp.MustCompile(`(?i)(password|passwd|passphrase|psk|secret|token|key|credentials?)$`)

// maskValue returns the value of a flag without secrets.
func maskValue(flag, value string) string {
	switch {
	case flag == "image":
		return engine.MaskAddress(value)
	case flag == "part":
		label, address, _ := strings.Cut(value, ":")
		return label + ":" + engine.MaskAddress(address)
	case slices.Contains(pairFlags, flag):
		switch name, v, ok := strings.Cut(value, "="); {
		case !ok: // it may be a line of a password that has several
			return "********"
		case secretName.MatchString(name) && !isSecretRef(v):
			return name + "=********"
		}
	}
	return engine.RedactAddresses(value)
}

// printEnvironment prints settings, one in a line.
func printEnvironment(out io.Writer, e environment) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, s := range e.Settings {
		from := s.From
		if s.Where != "" {
			from = s.Where
		}
		switch {
		case s.Wrong:
			from += ", wrong: " + s.Why
		case s.Why != "":
			from += ", not used: " + s.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", visible.Line(s.Name), visible.Line(s.Value), visible.Line(from))
	}
	for _, u := range e.Unknown {
		fmt.Fprintf(w, "%s\t\t%s\n", visible.Line(u.Variable), visible.Line(u.describe()))
	}
	w.Flush()
	return stdoutError(writeTrimmed(out, text.String()))
}
