package modules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func init() {
	register("flash", func(c Config) map[string]vm.Builtin {
		return flashModule{c.Phase, c.Allow, c.Boards, c.Output}.functions()
	}, "run", "all", "device")
}

// flashModule is the Lua module flash.
type flashModule struct {
	phase  *Phase
	allow  grants
	boards Boards
	output *Output
}

func (m flashModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"run": m.flashRun, "all": m.flashAll, "retry": m.flashRetry, "device": m.flashDevice}
}

// runJobOptions are the job of flash.run. Port and Target are read first, so that a refusal of the rest counts
// for them.
type runJobOptions struct {
	Port     string            `lua:"port,required"`
	Target   string            `lua:"target"`
	Image    string            `lua:"image"`
	Parts    map[string]string `lua:"parts"` // image by partition label
	Power    string            `lua:"power"`
	Consoles map[string]string `lua:"consoles"` // ports by the name of the console, as --console
	Outputs  map[string]string `lua:"outputs"`  // drivers by the name of the output, as --output
	FilesDir string            `lua:"files"`
	Files    map[string]string `lua:"file"` // boot files by their names, as --file
	SHA256   string            `lua:"sha256"`
	MaxSize  option.Bytes      `lua:"max_size"`
	Format   string            `lua:"format"`
	NoBmap   bool              `lua:"no_bmap"`
	Strict   bool              `lua:"strict"`
	Timeout  time.Duration     `lua:"timeout"`
	Retries  *int              `lua:"retries"`
	Variant  *string           `lua:"variant"`
	Set      map[string]string `lua:"set"`  // policy keys, as --set
	Args     option.ValueTexts `lua:"args"` // the policy's arguments, as --arg
}

type deviceJobOptions struct {
	Image   string       `lua:"image,required"`
	To      string       `lua:"to,required"`
	SHA256  string       `lua:"sha256"`
	MaxSize option.Bytes `lua:"max_size"`
	Format  string       `lua:"format"`
	NoBmap  bool         `lua:"no_bmap"`
	Strict  bool         `lua:"strict"`
}

type retryOptions struct {
	Retries int `lua:"retries"`
}

var (
	flashRunOptions    = option.Declare[runJobOptions](2, "flash.run")
	flashDeviceOptions = option.Declare[deviceJobOptions](1, "flash.device")
	flashRetryOptions  = option.Declare[retryOptions](2, "flash.retry")
)

// flashRun is flash.run(board, job), which does what flashlua run does. It returns the verdict, and raises the
// error of a failed run. A flash that cannot begin counts as a failed one for the program's result.
func (m flashModule) flashRun(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	var j engine.Job
	run := p.NewRun()
	policy, err := m.job(c, p, run, flashCall{board: c.Any(1, "board"), options: luaoption.Table(c, 2), tables: true}, &j)
	if err != nil {
		return nil, p.RecordRefusal(run, j, err).FlashError()
	}
	rep := p.Flash(c.Ctx, run, policy, j)
	if err := rep.FlashError(); err != nil {
		return nil, err
	}
	return verdict(c.State, rep)
}

// flashCall is the board and the job of one flash, as a script wrote them.
type flashCall struct {
	board   lua.LValue
	options *lua.LTable
	where   string // of the flash in the arguments, for messages; "" for the arguments themselves
	tables  bool   // the board may be the table of a policy
}

// job reads the board and the job of a flash. Port and target are in j even if the rest cannot be read.
func (m flashModule) job(c *vm.Args, p *engine.Program, run *engine.ProgramRun, f flashCall, j *engine.Job) (policy *engine.Policy, err error) {
	defer vm.CatchRefusal(&err)
	var o runJobOptions
	defer func() {
		j.Port, j.Target = o.Port, o.Target
		run.Describe(lua.LVAsString(f.board), o.Port)
	}()
	luaoption.ReadTable(c, flashRunOptions, f.options, f.where, &o)
	run.Describe(lua.LVAsString(f.board), o.Port)
	if (o.Image == "") == (len(o.Parts) == 0) || o.Port == "" {
		c.Fail("%soptions port, and image or parts, are required", f.where)
	}
	by := Choice{Set: o.Set}
	if o.Variant != nil {
		if by.Variant = *o.Variant; by.Variant == "" { // likely an argument that is empty
			c.Fail("option variant must not be empty: leave it out for the policy without a variant")
		}
	}
	*j = engine.Job{
		Image: o.Image, Power: cmp.Or(o.Power, "none"), Outputs: o.Outputs, Consoles: o.Consoles, FilesDir: o.FilesDir, Files: o.Files, SHA256: strings.ToLower(o.SHA256),
		MaxSize: int64(o.MaxSize), Format: o.Format, NoBlockMap: o.NoBmap, Strict: o.Strict, Timeout: o.Timeout, Retries: o.Retries, Port: o.Port, Target: o.Target, Args: o.Args,
	}
	for _, label := range slices.Sorted(maps.Keys(o.Parts)) {
		j.Parts = append(j.Parts, engine.Part{Label: label, Image: o.Parts[label]})
	}
	for _, spec := range j.Connections() {
		if err := m.allow.checkExec(spec); err != nil {
			return nil, err
		}
	}
	return m.board(c, p, run, f, by)
}

// flashDevice is flash.device(job), which does what flashlua write does. A device that is in use or not
// removable is refused: only the operator may force that.
func (m flashModule) flashDevice(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	var o deviceJobOptions
	luaoption.Read(c, flashDeviceOptions, &o)
	if o.Image == "" || o.To == "" {
		c.Fail("options image and to must not be empty")
	}
	j := engine.WriteJob{Image: o.Image, To: o.To, SHA256: strings.ToLower(o.SHA256), MaxSize: int64(o.MaxSize), Format: o.Format, NoBlockMap: o.NoBmap, Strict: o.Strict}
	rep := p.WriteDevice(c.Ctx, p.NewRun(), j)
	if err := rep.FlashError(); err != nil {
		return nil, err
	}
	return verdict(c.State, rep)
}

// board reads a board: a policy's table, or the name of a board or of a file.
func (m flashModule) board(c *vm.Args, p *engine.Program, run *engine.ProgramRun, f flashCall, by Choice) (*engine.Policy, error) {
	switch v := f.board.(type) {
	case lua.LString:
		return m.boards.Load(p, run.Note, string(v), by)
	case *lua.LTable:
		if !f.tables {
			return nil, classify.WithHint(classify.New(classify.ScriptArgument, "%s: %sthe board is a table, whose functions belong to the program: boards that are flashed at the same time need Lua states of their own", c.Name, f.where),
				`put the policy into a file next to the program, and name it: { "mine.lua", { … } }`)
		}
		return m.boards.Decode(c.Ctx, v, by)
	}
	if f.where != "" {
		c.Fail("%sthe board must be a name, not a %s", f.where, f.board.Type())
	}
	c.Fail("argument 1, the board, must be a policy's table or a name, not a %s", f.board.Type())
	return nil, nil
}

// flashRetry is flash.retry(function, [options]). It calls the function with the number of the try until it
// returns, fails fatally, or the retries are used up.
func (m flashModule) flashRetry(c *vm.Args) ([]lua.LValue, error) {
	f := c.Func(1, "function")
	o := retryOptions{Retries: engine.DefaultRetries}
	luaoption.Read(c, flashRetryOptions, &o)
	clk, err := m.phase.requireClock(c)
	if err != nil {
		return nil, err
	}
	var earlier []error
	for n := 0; ; n++ {
		results, err := c.State.Call(c.Ctx, f, lua.LNumber(n+1))
		if err == nil {
			return results, nil
		}
		d := (&classify.Classifier{}).Decide(nil, err)
		if c.State.IsUncatchable(c.Ctx, err) || d.Class == classify.Fatal || n >= o.Retries {
			return nil, classify.WithSecondary(d.Err, earlier...)
		}
		earlier = append(earlier, d.Err)
		wait := classify.Backoff{}.Wait(n)
		m.output.Say(fmt.Sprintf("%v; again in %s", d.Err, wait))
		if err := clk.Sleep(c.Ctx, wait); err != nil {
			return nil, err
		}
	}
}
