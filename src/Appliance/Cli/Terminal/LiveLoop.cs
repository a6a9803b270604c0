// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Health;
using Capbox.LocalSocket;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>What is shown of one look after the other.</summary>
internal interface ILiveView
{
    void Take(BoxSnapshot now);

    /// <summary>For a terminal of this size.</summary>
    IReadOnlyList<string> Lines(int widthColumns, int heightLines);

    /// <summary>For a pipe; null: nothing yet.</summary>
    string? Line();
}

/// <summary>Asks a running recorder again and again and shows it, until Ctrl-C or the end of the pipe: on a terminal redrawn on a screen of its own, in a pipe line by line.</summary>
internal static class LiveLoop
{
    private const string Request = """{"command":"status"}""";

    /// <summary>Between two looks for a reader that has gone.</summary>
    private static readonly TimeSpan s_readerEvery = TimeSpan.FromMilliseconds(500);

    /// <param name="archive">Whose recorder.</param>
    /// <param name="interval">As the command line has it.</param>
    /// <param name="view">What is shown.</param>
    /// <param name="json">Makes the line of JSON of the recorder's answer; null: text.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string archive, string interval, ILiveView view, Func<string, string>? json)
    {
        string text = interval.Length > 0 && char.IsAsciiDigit(interval[^1]) ? interval + "s" : interval;
        if (!Units.TryParseDuration(text, out long milliseconds) || milliseconds is < 100 or > 3_600_000)
            return ErrorOutput.BadUse($"--interval: \"{interval}\" is not a number of seconds, or a whole number with ms, s, m or h, from 100ms to 1h");
        using var end = new ManualResetEventSlim();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, end));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, end));
        bool isTerminal = json is null && !Console.IsOutputRedirected;
        try
        {
            using (ControlClient.Connect(archive))
            {
                // Nobody there is told before the screen is taken.
            }

            if (isTerminal)
                Console.Out.Write("\e[?1049h\e[?25l"); // another screen, no cursor (xterm)
            Watch(archive, TimeSpan.FromMilliseconds(milliseconds), isTerminal, view, json, end);
            return ExitCode.Good;
        }
        catch (RequestRefusedException e)
        {
            return Failed(e.Message, ref isTerminal);
        }
        catch (JsonException)
        {
            return Failed("the recorder gave an answer that this capbox does not understand", ref isTerminal);
        }
        catch (StandardOutputException) when (isTerminal)
        {
            return ExitCode.Good; // it has hung up
        }
        finally
        {
            LeaveScreen(isTerminal);
        }
    }

    private static void End(PosixSignalContext context, ManualResetEventSlim end)
    {
        context.Cancel = true;
        end.Set();
    }

    /// <summary>The error on the screen that stays.</summary>
    private static int Failed(string reason, ref bool isTerminal)
    {
        LeaveScreen(isTerminal);
        isTerminal = false;
        return ErrorOutput.Failed(reason);
    }

    private static void LeaveScreen(bool isTerminal)
    {
        if (!isTerminal)
            return;
        try
        {
            Console.Out.Write("\e[?25h\e[?1049l");
        }
        catch (StandardOutputException)
        {
            // It has hung up.
        }
    }

    /// <summary>Each look over a connection of its own: the recorder ends one that is silent for 10 s.</summary>
    private static void Watch(string archive, TimeSpan interval, bool isTerminal, ILiveView view, Func<string, string>? json, ManualResetEventSlim end)
    {
        do
        {
            string answer;
            using (ControlClient client = ControlClient.Connect(archive))
                answer = client.Ask(Request);
            if (json is not null)
            {
                Console.Out.WriteLine(json(answer));
            }
            else
            {
                view.Take(JsonSerializer.Deserialize(answer, Json.Default.BoxSnapshot)!);
                if (isTerminal)
                    Redraw(view);
                else if (view.Line() is { } line)
                    Console.Out.WriteLine(line);
            }
        }
        while (!Wait(interval, end));
    }

    private static void Redraw(ILiveView view)
    {
        TerminalSize size = TerminalSize.Now();
        Console.Out.Write("\e[H" + string.Concat(view.Lines(size.Columns, size.Lines).Select(line => line + "\e[K\r\n")) + "\e[J");
    }

    /// <returns>True: it is to end, or who reads the pipe has seen enough.</returns>
    private static bool Wait(TimeSpan interval, ManualResetEventSlim end)
    {
        long start = Stopwatch.GetTimestamp();
        while (!StandardOutput.IsReaderGone)
        {
            TimeSpan left = interval - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                return false;
            if (end.Wait(left < s_readerEvery ? left : s_readerEvery))
                return true;
        }

        return true;
    }
}
