package lua51

// CheckPattern returns what is wrong with a Lua pattern, nil if it is valid.
func CheckPattern(p string) (err error) {
	m := &matcher{pat: p}
	defer func() {
		if g, ok := recover().(matchPanic); ok {
			err = g.error
		}
	}()
	open := 0
	for i := 0; i < len(p); {
		switch {
		case p[i] == '(':
			open++
			i++
		case p[i] == ')':
			if open--; open < 0 {
				return errCaptureEnd
			}
			i++
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'b':
			if i+3 >= len(p) {
				return errPatternB
			}
			i += 4
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'f':
			if i+2 >= len(p) || p[i+2] != '[' {
				return errPatternF
			}
			i = m.classEnd(i + 2)
		default:
			i = m.classEnd(i)
		}
	}
	if open > 0 {
		return errCaptureOpen
	}
	return nil
}
