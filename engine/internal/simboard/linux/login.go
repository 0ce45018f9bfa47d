package linux

import (
	"context"
	"time"
)

// refuseAfter is how long login delays the refusal of a password.
const refuseAfter = 3 * time.Second

func (s *system) reached(stage string) {
	if s.cfg.Reached != nil {
		s.cfg.Reached(stage)
	}
}

// login offers a login until a user has logged in or the board goes down.
func (s *system) login(ctx context.Context) bool {
	for ctx.Err() == nil {
		s.reached(AtLogin)
		name, err := s.term.ask(ctx, "\n"+s.hostname()+" "+s.cfg.Login+" ", true)
		if err != nil || name == "" {
			continue
		}
		if s.cfg.Password == "" && name == s.cfg.User {
			return true
		}
		password, err := s.term.ask(ctx, "Password: ", false)
		switch {
		case err != nil:
			continue
		case name == s.cfg.User && password == s.cfg.Password:
			return true
		case s.clock.Sleep(ctx, refuseAfter) != nil:
			return false
		}
		s.term.say("Login incorrect\n")
	}
	return false
}
