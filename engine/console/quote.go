package console

import (
	"errors"
	"strings"
)

// Quote returns s as one word of a POSIX shell.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// QuoteUBoot returns s as one word of U-Boot's shell, hush, where a backslash escapes inside single quotes too.
func QuoteUBoot(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `'\''`).Replace(s) + "'"
}

// quoteLine returns cmd as one word that can be typed in one line: a line editor would act upon a tab.
func quoteLine(cmd string) string {
	if !strings.ContainsAny(cmd, "\n\t") {
		return Quote(cmd)
	}
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "!", `\0041`).Replace(cmd) // ! would be bash's history
	return `"$(printf %b ` + Quote(escaped) + `)"`
}

// closedQuotes refuses a command that a POSIX shell would continue on the next line.
func closedQuotes(cmd string) error { return scanQuotes(cmd, false) }

// closedQuotesUBoot does the same for U-Boot's hush, where a single quote opens a quotation inside double quotes
// too, and where a comment would include the second echo.
func closedQuotesUBoot(cmd string) error { return scanQuotes(cmd, true) }

func scanQuotes(cmd string, uboot bool) error {
	single, double, escaped := false, false, false
	last := ' '
	for _, r := range cmd {
		if r == '#' && uboot && !single && !double && strings.ContainsRune(" \t;&|", last) {
			return errors.New("a # begins a comment, which would swallow what follows: quote it")
		}
		last = r
		switch {
		case escaped:
			escaped = false
		case single:
			single = r != '\''
		case r == '\\':
			escaped = true
		case r == '"':
			double = !double
		case r == '\'':
			single = uboot || !double
		}
	}
	if single || double || escaped {
		return errors.New("a quote or backslash in it is left open")
	}
	return nil
}
