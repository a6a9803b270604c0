// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Vm;

/// <summary>Runs cases in virtual machines. See tests/vm/README.md.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        try
        {
            Options options = Options.Parse(arguments);
            Case[] cases = Choose(options);
            if (options.List)
                return List(cases);

            var bed = new Bed(options);
            if (options.Shell)
                return bed.Shell(cases.Length > 0 ? cases[0] : null);
            return bed.Run(cases) ? 0 : 1;
        }
        catch (VmException e)
        {
            Console.Error.WriteLine("vm: " + e.Message);
            return 2;
        }
    }

    private static Case[] Choose(Options options)
    {
        Case[] all = [.. Directory.GetFiles("tests/vm/cases", "*.sh").Order(StringComparer.Ordinal).Select(Case.Read)];
        foreach (string name in options.Cases)
        {
            if (!all.Any(c => c.Name == name))
                throw new VmException($"no case '{name}' in tests/vm/cases");
        }

        if (options.Cases.Count > 0)
            return [.. all.Where(c => options.Cases.Contains(c.Name))];
        if (options.Shell)
            return [];
        Case[] chosen = [.. all.Where(c => c.Suite == options.Suite
            && c.Kernel != (options.Kernel == "debug" ? "debian" : "debug")
            && (options.Time == "" || options.Time == "virtual" == (c.Needs.Icount != "")))];
        return chosen.Length > 0 ? chosen : throw new VmException($"no cases in the suite '{options.Suite}'");
    }

    private static int List(Case[] cases)
    {
        foreach (Case c in cases)
        {
            string needs = $"{c.Needs.Cpus} cpus, {c.Needs.MemoryMib} MiB, {c.TimeoutSeconds} s, kernel {c.Kernel}, module {c.Module}";
            if (c.Needs.Qemu != "")
                needs += ", qemu " + c.Needs.Qemu;
            if (c.Needs.Icount != "")
                needs += ", icount " + c.Needs.Icount;
            Console.WriteLine($"{c.Name,-24} {needs}");
        }

        return 0;
    }
}
