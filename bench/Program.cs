// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Bench;

try
{
    return args switch
    {
        ["generate", .. string[] rest] => GenerateCommand.Run(rest),
        ["missing", .. string[] rest] => MissingCommand.Run(rest),
        ["clock", .. string[] rest] => ClockCommand.Run(rest),
        ["ports", .. string[] rest] => PortsCommand.Run(rest),
        ["boxes", .. string[] rest] => BoxesCommand.Run(rest),
        ["run", .. string[] rest] => RunCommand.Run(rest),
        _ => throw new UsageException("Bench run|boxes|clock|ports|generate|missing [options] (see bench/README.md)"),
    };
}
catch (UsageException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 2;
}
catch (BenchException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
