// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Vm;

/// <summary>What a boot must offer to a case. Cases that need the same share one boot.</summary>
/// <param name="Cpus">Processors of the guest.</param>
/// <param name="MemoryMib">Memory of the guest in MiB; the debug kernel gets more.</param>
/// <param name="Qemu">Further arguments of QEMU.</param>
/// <param name="Icount">Argument of -icount, empty for time as it passes.</param>
/// <param name="Append">Further words of the kernel's command line.</param>
internal sealed record Needs(int Cpus, int MemoryMib, string Qemu, string Icount, string Append);

/// <summary>A script of tests/vm/cases with what its header says. The header is explained in tests/vm/README.md.</summary>
internal sealed record Case(string Name, string Path)
{
    public Needs Needs { get; private init; } = new(2, 512, "", "", "");

    /// <summary>Time the case may take with Debian's kernel, in seconds of the machine that runs the bed.</summary>
    public int TimeoutSeconds { get; private init; } = 180;

    /// <summary>any, debian or debug.</summary>
    public string Kernel { get; private init; } = "any";

    /// <summary>Cases of the suite "test" run when none are named; others when asked for.</summary>
    public string Suite { get; private init; } = "test";

    /// <summary>The module's name and parameters, or none.</summary>
    public string Module { get; private init; } = "capbox";

    /// <summary>own: in a network namespace of its own; root: in the guest's first one, where its devices are.</summary>
    public string Network { get; private init; } = "own";

    /// <summary>A console line that this expression matches is no failure; empty for none.</summary>
    public string Allow { get; private init; } = "";

    /// <summary>What a case of the suite "self" must fail with; empty in other suites.</summary>
    public string Expect { get; private init; } = "";

    /// <summary>Reads the header: the comment lines "# key: value" before the first line that is no comment.</summary>
    public static Case Read(string path)
    {
        var found = new Case(System.IO.Path.GetFileNameWithoutExtension(path), path);
        foreach (string line in File.ReadLines(path))
        {
            if (!line.StartsWith('#'))
                break;

            string[] pair = line.TrimStart('#', ' ').Split(": ", 2);
            if (pair.Length == 2 && pair[0].All(char.IsAsciiLetterLower))
                found = found.With(pair[0], pair[1].Trim());
        }

        return found;
    }

    private Case With(string key, string value) => key switch
    {
        "cpus" => this with { Needs = Needs with { Cpus = Number(key, value) } },
        "memory" => this with { Needs = Needs with { MemoryMib = Number(key, value) } },
        "qemu" => this with { Needs = Needs with { Qemu = value } },
        "icount" => this with { Needs = Needs with { Icount = value } },
        "append" => this with { Needs = Needs with { Append = value } },
        "timeout" => this with { TimeoutSeconds = Number(key, value) },
        "kernel" => this with { Kernel = OneOf(key, value, "any", "debian", "debug") },
        "network" => this with { Network = OneOf(key, value, "own", "root") },
        "suite" => this with { Suite = value },
        "module" => this with { Module = value },
        "allow" => this with { Allow = value },
        "expect" => this with { Expect = value },
        _ => throw new VmException($"{Path}: unknown key '{key}' in the header"),
    };

    private int Number(string key, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new VmException($"{Path}: {key}: '{value}' is no number above 0");

    private string OneOf(string key, string value, params string[] values) =>
        values.Contains(value) ? value : throw new VmException($"{Path}: {key}: '{value}' is none of {string.Join(", ", values)}");
}

/// <summary>An error for the user: one line on standard error, exit code 2.</summary>
internal sealed class VmException(string message) : Exception(message);
