// Command notices prints the licences of all modules in a program, and of Go, from the module cache. It fails if one has
// none.
//
//	go run ./.release/notices PROGRAM >THIRD-PARTY-NOTICES
//	go run ./.release/notices -check THIRD-PARTY-NOTICES PROGRAM…
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenceFile matches the names of files with a licence or a notice that must be passed on.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|authors)([.-].*)?$`)

const rule = "================================================================================\n"

func main() {
	check := flag.String("check", "", "the notices `FILE` that must have all modules of the programs")
	flag.Parse()
	if err := run(*check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(check string, programs []string) error {
	if len(programs) == 0 {
		return errors.New("name a program")
	}
	if check == "" {
		return printNotices(programs[0])
	}
	notices, err := os.ReadFile(check)
	if err != nil {
		return err
	}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if !strings.Contains(string(notices), rule+m.Path+" "+m.Version+"\n") {
				return fmt.Errorf("%s lacks %s %s of %s", check, m.Path, m.Version, program)
			}
		}
	}
	return nil
}

func printNotices(program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	fmt.Println("flashlua contains parts of these modules, with these licences.")
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	if err := printModule("Go", info.GoVersion, strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
		out, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output()
		if err != nil {
			return fmt.Errorf("go mod download %s@%s: %w", m.Path, m.Version, err)
		}
		var downloaded struct{ Dir string }
		if err := json.Unmarshal(out, &downloaded); err != nil {
			return err
		}
		if err := printModule(m.Path, m.Version, downloaded.Dir); err != nil {
			return err
		}
	}
	return nil
}

// printModule prints the licences in the top folder of a module.
func printModule(path, version, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	fmt.Print("\n", rule, path, " ", version, "\n")
	hasLicence := false
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if e.IsDir() || !licenceFile.MatchString(name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		hasLicence = hasLicence || strings.HasPrefix(name, "lic") || strings.HasPrefix(name, "copying")
		fmt.Printf("\n--- %s\n\n%s\n", e.Name(), strings.TrimSpace(string(text)))
	}
	if !hasLicence {
		return fmt.Errorf("%s %s has no licence in %s", path, version, dir)
	}
	return nil
}
