package engine

import (
	"cmp"
	"context"
)

// RecordRefusal records that a flash could not begin, which counts as a flash that failed. It returns its report.
func (p *Program) RecordRefusal(x *ProgramRun, j Job, err error) *Report {
	rep := RefusedReport(err)
	rep.Mode, rep.Board, rep.Target.Name = j.Mode(), x.name.board, j.Target
	rep.Image.Path = MaskAddress(j.Image)
	p.refuse(x, flashResult{port: j.Port, target: j.Target, err: err}, rep)
	return rep
}

// refuse records the report of a flash that could not begin: its medium is as it was.
func (p *Program) refuse(x *ProgramRun, last flashResult, rep *Report) {
	p.addRun(x, rep)
	p.flashes.record(last)
}

// addRun adds the report of a flash to those of the program.
func (p *Program) addRun(x *ProgramRun, rep *Report) {
	rep.Run, rep.Port = x.name.number, cmp.Or(rep.Port, x.name.port)
	rep.RunID = p.run.RunID
	rep.EndAt(p.run.Clock.Now())
	rep.mask(p.run.secrets)
	p.runs.add(rep)
	if rep.Attempt > 0 {
		p.markTouched()
	}
}

// Flash runs a policy as Engine.Run does. If the last flash of a medium failed, the program fails, whatever it
// returns.
func (p *Program) Flash(ctx context.Context, x *ProgramRun, policy *Policy, j Job) *Report {
	x.Describe(policy.Name, j.Port)
	if err := p.run.grants.canFlash(policy, j); err != nil {
		return p.RecordRefusal(x, j, err)
	}
	end := p.run.script.beginNested()
	defer end()
	rep := p.flash(ctx, x, p.run.Engine, policy, j)
	p.addRun(x, rep)
	p.recordFlash(j, rep)
	return rep
}

// flash runs a policy in the environment e, and records nothing. Safe for concurrent use.
func (p *Program) flash(ctx context.Context, x *ProgramRun, e Engine, policy *Policy, j Job) *Report {
	e.source, e.Hold = x.name, p.holdOthers()
	return e.Run(ctx, policy, j)
}

// recordFlash records what a flash of a board left on its medium.
func (p *Program) recordFlash(j Job, rep *Report) {
	p.run.report.Simulated = p.run.report.Simulated || rep.Simulated
	p.recordReport(flashResult{port: j.Port, target: cmp.Or(rep.Target.Name, j.Target), err: rep.Err}, rep)
}

// WriteDevice writes an image to a medium of the station as Engine.Write does. It counts as Flash does.
func (p *Program) WriteDevice(ctx context.Context, x *ProgramRun, j WriteJob) *Report {
	x.Describe(stationBoard, "")
	e := p.run.Engine
	last := flashResult{port: j.To}
	if last.err = cmp.Or(e.grants.canReadImage(j.Image), e.grants.canWriteMedium(j.To)); last.err != nil {
		rep := RefusedReport(last.err)
		rep.Mode, rep.Board, rep.Target.Name, rep.Image.Path = ModeWrite, stationBoard, j.To, MaskAddress(j.Image)
		p.refuse(x, last, rep)
		return rep
	}
	e.Simulated, e.source = false, x.name // the medium is not
	rep := e.Write(ctx, j)
	last.err = rep.Err
	p.addRun(x, rep)
	p.recordReport(last, rep)
	return rep
}

// recordReport records what a flash left on its medium. The image and the target of the last flash are part of the
// program's report.
func (p *Program) recordReport(last flashResult, rep *Report) {
	last.state = p.flashes.stateAfter(last.port, last.target, rep.Target.State)
	p.flashes.record(last)
	p.run.report.Image, p.run.report.Target, p.run.report.Parts = rep.Image, rep.Target, rep.Parts
	p.run.ledger.mark(last.state)
}
