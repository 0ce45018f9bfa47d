package engine

import "github.com/flashlua/flashlua/classify"

// flashFailure is the error of a flash of a program. A program that ends by it exits as the flash would have.
type flashFailure struct {
	error
	exit ExitCode
}

func (f *flashFailure) Unwrap() error { return f.error }

// FlashError returns the error of a failed flash as a program raises it: it has the class that the exit code
// stands for, and a program that does not catch it exits with that code. It returns nil after success.
func (r *Report) FlashError() error {
	switch {
	case r.Err == nil:
		return nil
	case r.Exit == ExitExhausted:
		return &flashFailure{r.Err, r.Exit}
	}
	return &flashFailure{classify.MarkFatal(r.Err), r.Exit}
}

// flashExit returns the exit code of the flash whose error err is, the first one of several that were joined. It
// returns 0 for every other error, also for one that a script made of the error of a flash.
func flashExit(err error) ExitCode {
	for err != nil {
		switch x := err.(type) {
		case *flashFailure:
			return x.exit
		case *classify.Error:
			if x.Msg != "" || x.Kind != "" {
				return 0
			}
			err = x.Cause
		case interface{ Unwrap() []error }:
			all := x.Unwrap()
			if len(all) == 0 {
				return 0
			}
			err = all[0]
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		default:
			return 0
		}
	}
	return 0
}
