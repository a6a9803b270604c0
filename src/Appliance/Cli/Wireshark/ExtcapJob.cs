// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Extract;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Cli;

/// <summary>A capture that Wireshark asked for: a port live, or a range of the archive.</summary>
internal sealed record ExtcapJob(ExtractRequest Request, bool Follow, int WindowMs)
{
    private const long MaxWindowNs = 60_000_000_000;

    /// <param name="arguments">As they were given.</param>
    /// <param name="archive">Directory.</param>
    /// <param name="livePort">Port to follow; null for a range.</param>
    /// <exception cref="FormatException">An argument is wrong; the message names it.</exception>
    public static ExtcapJob Create(ExtcapArguments arguments, string archive, string? livePort)
    {
        string Own(string name, string otherwise) => arguments.Own.TryGetValue(name, out string? given) && given.Trim().Length > 0 ? given.Trim() : otherwise;

        UtcTime now = UtcTime.Now;
        string fromText = Own(ExtcapArguments.From, livePort is null ? "-5m" : "now");
        if (!TimeArgument.TryParse(fromText, now, out UtcTime from))
            throw new FormatException($"--from {fromText}: not a time");
        string? filter = Both(Own(ExtcapArguments.Filter, ""), arguments.CaptureFilter ?? "");
        if (livePort is not null)
        {
            string window = Own(ExtcapArguments.Window, $"{LiveExtraction.DefaultWindowMs}ms");
            if (!TimeArgument.TryParseDuration(window, out long windowNs) || windowNs > MaxWindowNs)
                throw new FormatException($"--window {window}: not a duration of at most 60s");
            var noEnd = new UtcTime(long.MaxValue);
            ExtractRequest live = fromText == "now"
                ? ExtractCommand.LiveRequest(archive, from, noEnd, [livePort], filter)
                : ExtractCommand.Request(archive, from, noEnd, [livePort], filter);
            return new ExtcapJob(live, Follow: true, (int)(windowNs / 1_000_000));
        }

        string toText = Own(ExtcapArguments.To, "now");
        if (!TimeArgument.TryParseEnd(toText, from, now, out UtcTime to))
            throw new FormatException($"--to {toText}: not a time");
        string[] ports = Own(ExtcapArguments.Ports, "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new ExtcapJob(ExtractCommand.Request(archive, from, to, ports, filter), Follow: false, 0);
    }

    /// <summary>Captures; null when nobody reads the pipe any more.</summary>
    /// <exception cref="ExtractException">It cannot be done.</exception>
    /// <exception cref="IOException">The archive cannot be read, or the pipe not written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/>.</exception>
    public ExtractReport? Run(SafeFileHandle pipe, CancellationToken stop)
    {
        try
        {
            return Follow
                ? LiveExtraction.Run(Request, ExtractFormat.Pcapng, pipe, WindowMs, null, stop)
                : Extraction.Run(Request, ExtractFormat.Pcapng, pipe, null, stop);
        }
        catch (IOException) when (FileSystem.ReaderIsGone((int)pipe.DangerousGetHandle()))
        {
            return null;
        }
    }

    private static string? Both(string left, string right) => (left.Length, right.Length) switch
    {
        (0, 0) => null,
        (0, _) => right,
        (_, 0) => left,
        _ => $"({left}) and ({right})",
    };
}
