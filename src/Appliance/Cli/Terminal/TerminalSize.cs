// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Cli;

/// <summary>Columns and lines of a terminal.</summary>
internal readonly record struct TerminalSize(int Columns, int Lines)
{
    public static TerminalSize Now()
    {
        try
        {
            return Of(Console.WindowWidth, Console.WindowHeight);
        }
        catch (IOException)
        {
            return Of(0, 0);
        }
    }

    /// <summary>A serial console does not know its size and says 0: it counts as 80 by 24.</summary>
    public static TerminalSize Of(int columns, int lines) => new(columns > 0 ? columns : 80, lines > 0 ? lines : 24);
}
