// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Health;
using Capbox.LocalSocket;
using Capbox.Timing;

namespace Capbox.Cli;

/// <summary><c>capbox status</c>, <c>rotate</c> and <c>trigger</c>: ask the recorder over its control socket.</summary>
internal static class ControlCommand
{
    /// <summary>Rates are made of two looks this far apart.</summary>
    private const int RateMs = 500;

    /// <summary>Wider than any terminal: lines of a report are not cut.</summary>
    private const int WidthColumns = 1000;

    public static int Status(string archive, bool json) => Guarded(() =>
    {
        using ControlClient client = ControlClient.Connect(archive);
        const string Request = """{"command":"status"}""";
        string first = client.Ask(Request);
        if (json)
        {
            Console.Out.WriteLine(first);
            return;
        }

        Thread.Sleep(RateMs);
        BoxSnapshot before = Snapshot(first);
        BoxSnapshot now = Snapshot(client.Ask(Request));
        Console.Out.WriteLine($"capbox recording for {Humanize.Duration(now.Uptime)}");
        foreach (string line in StatusView.Live(before, now, WidthColumns).Skip(1))
            Console.Out.WriteLine(line);
    });

    /// <summary><c>capbox clock status</c>.</summary>
    public static int Clock(string archive, bool json)
    {
        ClockSnapshot? clock = null;
        int code = Guarded(() =>
        {
            using ControlClient client = ControlClient.Connect(archive);
            clock = Snapshot(client.Ask("""{"command":"status"}""")).Clock;
            if (json)
                Json.WriteLine(clock!, Json.Default.ClockSnapshot);
            else if (clock is null)
                Console.Out.WriteLine("clock  untraceable: the configuration has no section clock; the system clock stamps as it is");
            else
                foreach (string line in ClockView.Details(clock))
                    Console.Out.WriteLine(line);
        });
        return code != ExitCode.Good ? code : clock is { BoundNs: not null } ? ExitCode.Good : ExitCode.Failed;
    }

    /// <summary><c>capbox clock accept</c>.</summary>
    public static int AcceptShifts(string archive, bool json) => Guarded(() =>
    {
        using ControlClient client = ControlClient.Connect(archive);
        string answer = client.Ask("""{"command":"clock-accept"}""");
        if (json)
        {
            Console.Out.WriteLine(answer);
            return;
        }

        double ns = JsonSerializer.Deserialize(answer, BoxJson.Default.ClockAcceptAnswer)!.UnresolvedNs;
        Console.Out.WriteLine(ns == 0 ? "nothing was unresolved" : string.Create(CultureInfo.InvariantCulture, $"{ns:F0} ns of steps that were not followed are accepted as true"));
    });

    public static int Rotate(string archive, bool json) => Guarded(() =>
    {
        using ControlClient client = ControlClient.Connect(archive);
        string answer = client.Ask("""{"command":"rotate"}""");
        if (json)
            Console.Out.WriteLine(answer);
    });

    public static int Trigger(string archive, string? reason, bool json) => Guarded(() =>
    {
        using ControlClient client = ControlClient.Connect(archive);
        string text = JsonSerializer.Serialize(reason ?? "", Json.Default.String);
        string answer = client.Ask($$"""{"command":"trigger","reason":{{text}}}""");
        if (json)
        {
            Console.Out.WriteLine(answer);
            return;
        }

        TriggerAnswer window = JsonSerializer.Deserialize(answer, ControlJson.Default.TriggerAnswer)!;
        Console.Out.WriteLine($"window {window.Window.ToString(CultureInfo.InvariantCulture)} {(window.Prolonged ? "goes on" : "opens")}: from {window.Reached} to {window.To}");
        if (window.Rings == 0)
            ErrorOutput.Write("no port captures now");
        else if (!window.Complete)
            ErrorOutput.Write($"the rings held packets from {window.Reached} on, not from {window.From}; a larger ringSize holds more");
    });

    public static int Identify(string archive, int? seconds, string? led, bool json) => Guarded(() =>
    {
        using ControlClient client = ControlClient.Connect(archive);
        var request = new System.Text.Json.Nodes.JsonObject { ["command"] = "identify" };
        if (seconds is not null)
            request.Add("seconds", seconds);
        if (led is not null)
            request.Add("led", led);
        string answer = client.Ask(request.ToJsonString());
        if (json)
        {
            Console.Out.WriteLine(answer);
            return;
        }

        IdentifyAnswer leds = JsonSerializer.Deserialize(answer, BoxJson.Default.IdentifyAnswer)!;
        Console.Out.WriteLine(leds.Seconds == 0 ? "no LED blinks any more" : $"{string.Join(", ", leds.Leds)}: blinking for {leds.Seconds.ToString(CultureInfo.InvariantCulture)} s");
    });

    /// <summary>Any command, as it is.</summary>
    public static int Ask(string archive, string command, string? members)
    {
        System.Text.Json.Nodes.JsonObject request;
        try
        {
            request = System.Text.Json.Nodes.JsonNode.Parse(members ?? "{}") as System.Text.Json.Nodes.JsonObject ?? throw new JsonException();
            request.Insert(0, "command", command);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return ErrorOutput.BadUse("MEMBERS: expected a JSON object without \"command\"");
        }

        return Guarded(() =>
        {
            using ControlClient client = ControlClient.Connect(archive);
            Console.Out.WriteLine(client.Ask(request.ToJsonString()));
        });
    }

    /// <summary>Needs no recorder.</summary>
    public static int Schema(string? name)
    {
        CommandListing[] listings = [.. CommandTable.All.Where(s => name is null || s.Name == name).Select(CommandListing.Make)];
        if (listings.Length == 0)
            return ErrorOutput.BadUse($"{name}: no such command; there are {string.Join(", ", CommandTable.All.Select(s => s.Name))}");
        Console.Out.WriteLine(JsonSerializer.Serialize(listings, CommandJson.Default.IReadOnlyListCommandListing));
        return ExitCode.Good;
    }

    /// <summary>Prints docs/reference/asyncapi.yaml, which the binary has compressed.</summary>
    public static int AsyncApi()
    {
        using Stream resource = typeof(ControlCommand).Assembly.GetManifestResourceStream("asyncapi.yaml.gz")!;
        using var reader = new StreamReader(new GZipStream(resource, CompressionMode.Decompress));
        Console.Out.Write(reader.ReadToEnd());
        return ExitCode.Good;
    }

    private static BoxSnapshot Snapshot(string json) => JsonSerializer.Deserialize(json, Json.Default.BoxSnapshot)!;

    private static int Guarded(Action work)
    {
        try
        {
            work();
            return ExitCode.Good;
        }
        catch (RequestRefusedException e)
        {
            return ErrorOutput.Failed(e.Message);
        }
        catch (JsonException)
        {
            return ErrorOutput.Failed("the recorder gave an answer that this capbox does not understand");
        }
    }
}
