package bindings

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func init() { register("flash", (*host).flashModule) }

func (h *host) flashModule() map[string]builtin {
	return map[string]builtin{"run": h.flashRun, "retry": h.flashRetry, "device": h.flashDevice}
}

// flashRun is flash.run(board, job): what flashlua run does, from a program. It gives the verdict, and raises what failed.
// What cannot even begin counts for the program, too.
func (h *host) flashRun(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	var j engine.Job
	policy, err := h.flashJob(c, &j)
	if err != nil {
		p.RecordRefusal(j, err)
		return nil, err
	}
	rep := p.Flash(c.ctx, policy, j)
	if err := errorOf(rep); err != nil {
		return nil, err
	}
	return h.verdict(rep)
}

// flashJob reads the arguments of flash.run, as far as they can be read.
func (h *host) flashJob(c *args, j *engine.Job) (policy *engine.Policy, err error) {
	defer vm.CatchRefusal(&err)
	o := c.options(2)
	j.Port, j.Target = o.text("port"), o.text("target")
	j.Image, j.Power, j.FilesDir = o.text("image"), o.text("power"), o.text("files")
	j.SHA256, j.MaxSize, j.Timeout = strings.ToLower(o.text("sha256")), o.size("max_size"), o.duration("timeout")
	if n := o.get("retries"); n != lua.LNil {
		retries := o.count("retries")
		j.Retries = &retries
	}
	set, parts := o.strings("set"), o.strings("parts")
	o.rejectUnknown()
	for _, label := range slices.Sorted(maps.Keys(parts)) {
		j.Parts = append(j.Parts, engine.Part{Label: label, Image: parts[label]})
	}
	switch {
	case (j.Image == "") == (len(parts) == 0) || j.Port == "":
		c.fail("options port, and image or parts, are needed")
	case j.Power == "":
		j.Power = "none"
	}
	for _, spec := range []string{j.Port, j.Power} {
		if err := h.checkExecAllowed(spec); err != nil {
			return nil, err
		}
	}
	return h.board(c, set)
}

// flashDevice is flash.device(job): what flashlua write does, from a program. A device that is in use, or not removable,
// is refused: only the operator may force that.
func (h *host) flashDevice(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	o := c.options(1)
	j := engine.WriteJob{Image: o.text("image"), To: o.text("to"), SHA256: strings.ToLower(o.text("sha256")), MaxSize: o.size("max_size")}
	o.rejectUnknown()
	if j.Image == "" || j.To == "" {
		c.fail("options image and to are needed")
	}
	rep := p.WriteDevice(c.ctx, j)
	if err := errorOf(rep); err != nil {
		return nil, err
	}
	return h.verdict(rep)
}

// board is the first argument: a policy's table, or the name of a board or of a file.
func (h *host) board(c *args, set map[string]string) (*engine.Policy, error) {
	switch v := c.any(1, "board").(type) {
	case lua.LString:
		spec := string(v)
		if strings.HasSuffix(spec, ".lua") && !filepath.IsAbs(spec) {
			spec = filepath.Join(h.modules.dir, spec)
		}
		return h.load(spec, set)
	case *lua.LTable:
		s, err := h.policy(c.ctx, v, source{name: h.name, dir: h.modules.dir}, set)
		if err != nil {
			return nil, err
		}
		return s.Policy, nil
	}
	c.fail("argument 1, the board, must be a policy's table or a name, not a %s", c.opt(1).Type())
	return nil, nil
}

// load loads the policy that a program names, if the program may read its file.
func (h *host) load(spec string, set map[string]string) (*engine.Policy, error) {
	var refused error
	policy, err := Load(spec, Options{Set: set, Log: h.program.Note, Modules: h.extraModules, open: func(path string) (*os.File, error) {
		f, err := h.program.OpenFile(path)
		if classify.Facts(err).Kind == classify.ScriptGrant {
			refused = err
		}
		return f, err
	}})
	if refused != nil {
		return nil, refused
	}
	return policy, err
}

// errorOf makes an error of a report, with the class that its exit code stands for.
func errorOf(rep *engine.Report) error {
	switch {
	case rep.Err == nil:
		return nil
	case rep.Exit == engine.ExitExhausted:
		return rep.Err
	}
	return classify.MarkFatal(rep.Err)
}

// flashRetry is flash.retry(function, { retries }): the function is called with the number of the try until it returns, or
// fails in a way that another try cannot mend.
func (h *host) flashRetry(c *args) ([]lua.LValue, error) {
	f := c.function(1, "function")
	o := c.options(2)
	retries := engine.DefaultRetries
	if o.get("retries") != lua.LNil {
		retries = o.count("retries")
	}
	o.rejectUnknown()
	if h.clk == nil {
		return nil, errLoadPhase(c)
	}
	var earlier []error
	for n := 0; ; n++ {
		results, err := h.Call(c.ctx, f, lua.LNumber(n+1))
		if err == nil {
			return results, nil
		}
		d := (&classify.Classifier{}).Decide(nil, err)
		if h.IsUncatchable(c.ctx, err) || d.Class == classify.Fatal || n >= retries {
			return nil, classify.WithSecondary(d.Err, earlier...)
		}
		earlier = append(earlier, d.Err)
		wait := classify.Backoff{}.Wait(n)
		h.say(fmt.Sprintf("%v; again in %s, by rule %s", d.Err, wait, d.Rule))
		if err := h.clk.Sleep(c.ctx, wait); err != nil {
			return nil, err
		}
	}
}

// checkExecAllowed refuses a command of the station that the operator did not allow. It must be allowed by the name of its program,
// or, where a shell would see more than one program in it, to the letter.
func (h *host) checkExecAllowed(spec string) error {
	scheme, command, _ := strings.Cut(spec, ":")
	if scheme != "exec" && scheme != "command" {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	if slices.Contains(h.allow, command) || slices.Contains(h.allow, name) && !strings.ContainsAny(command, ";|&$<>`()\n") {
		return nil
	}
	return classify.WithHint(classify.New(classify.ScriptGrant, "the script may not run %q on the station", name), "allow it with --allow-exec %s, or to the letter with --allow-exec '%s'", name, command)
}
