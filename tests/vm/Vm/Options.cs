// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Vm;

/// <summary>The command line of tests/vm/run.sh.</summary>
internal sealed record Options
{
    public const string Usage = """
        usage: tests/vm/run.sh [OPTION]... [CASE]...
          --kernel debian|debug   the kernel to boot, debian when not given
          --suite NAME            the cases of another suite than "test"
          --time real|virtual     of them those whose time is that of the machine, or counts instructions (icount)
          --tier test|release     how often cases repeat things: test when not given
          --repeat N              run each of them N times, 1 when not given
          --jobs N                guests in virtual time that run at a time, as many as there are processors when not given
          --list                  print the cases and what they need, and run none
          --keep-log              print the log of each case, not only of those that fail
          --self-test             prove that the bed sees failures
          --shell                 a shell in a guest with what the named case needs, module loaded; Ctrl-A x ends it
          --gdb                   wait for gdb on port 1234 before the kernel starts; no time limits
        """;

    public string Kernel { get; private set; } = "debian";

    public string Suite { get; private set; } = "test";

    /// <summary>real, virtual, or empty for both.</summary>
    public string Time { get; private set; } = "";

    public string Tier { get; private set; } = "test";

    public int Jobs { get; private set; } = Environment.ProcessorCount;

    public int Repeat { get; private set; } = 1;

    public bool List { get; private set; }

    public bool KeepLog { get; private set; }

    public bool SelfTest { get; private set; }

    public bool Shell { get; private set; }

    public bool Gdb { get; private set; }

    public List<string> Cases { get; } = [];

    public static Options Parse(string[] arguments)
    {
        var options = new Options();
        var rest = new Queue<string>(arguments);
        while (rest.TryDequeue(out string? word))
            options.Take(word, rest);
        return options;
    }

    private void Take(string word, Queue<string> rest)
    {
        switch (word)
        {
            case "--kernel":
                Kernel = OneOf(word, rest, "debian", "debug");
                break;
            case "--time":
                Time = OneOf(word, rest, "real", "virtual");
                break;
            case "--repeat":
                Repeat = Number(word, rest);
                break;
            case "--jobs":
                Jobs = Number(word, rest);
                break;
            case "--tier":
                Tier = OneOf(word, rest, "test", "release");
                break;
            case "--suite":
                Suite = Value(word, rest);
                break;
            case "--list":
                List = true;
                break;
            case "--keep-log":
                KeepLog = true;
                break;
            case "--self-test":
                SelfTest = true;
                Suite = "self";
                break;
            case "--shell":
                Shell = true;
                break;
            case "--gdb":
                Gdb = true;
                break;
            default:
                if (word.StartsWith('-'))
                    throw new VmException($"unknown option {word}\n{Usage}");
                Cases.Add(Path.GetFileNameWithoutExtension(word));
                break;
        }
    }

    private static int Number(string option, Queue<string> rest)
    {
        string value = Value(option, rest);
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new VmException($"{option}: '{value}' is no number above 0");
    }

    private static string OneOf(string option, Queue<string> rest, params string[] values)
    {
        string value = Value(option, rest);
        return values.Contains(value) ? value : throw new VmException($"{option}: '{value}' is none of {string.Join(", ", values)}");
    }

    private static string Value(string option, Queue<string> rest) =>
        rest.TryDequeue(out string? value) ? value : throw new VmException($"{option} needs a value");
}
