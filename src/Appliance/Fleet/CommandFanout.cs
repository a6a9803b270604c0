// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;

namespace Capbox.Fleet;

/// <summary>What a box said to a command.</summary>
/// <param name="Device">The box.</param>
/// <param name="Result">JSON in one line; null: none came.</param>
/// <param name="Error">Why not; null: all is well.</param>
/// <param name="Milliseconds">From the question to the answer; null: there was none.</param>
internal sealed record BoxAnswer(string Device, string? Result, string? Error, long? Milliseconds)
{
    public const string NoAnswer = "no answer in time", NotReady = "not asked: not ready";
}

/// <summary>
/// A command for many boxes: so many at once, each with its time. Pure: answers and the time go in, questions come out. One thread.
/// </summary>
/// <param name="devices">Those that are asked, in this order.</param>
/// <param name="parallel">Questions that are open at once.</param>
/// <param name="patienceMs">For one answer.</param>
internal sealed class CommandFanout(IReadOnlyList<string> devices, int parallel, long patienceMs)
{
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 64 };
    private readonly Dictionary<string, (byte[] Correlation, long AtMs)> _open = [];
    private int _next;

    public int Done { get; private set; }

    public bool IsOver => _open.Count == 0 && _next == devices.Count;

    /// <summary>Answers to nothing that is open here: late ones, and those that come twice.</summary>
    public long Strays { get; private set; }

    /// <summary>No further box is asked.</summary>
    public void Stop() => _next = devices.Count;

    /// <summary>What is to be asked now.</summary>
    public IReadOnlyList<(string Device, byte[] Correlation)> Step(long nowMs)
    {
        List<(string, byte[])> questions = [];
        while (_next < devices.Count && _open.Count < parallel)
        {
            byte[] correlation = Guid.NewGuid().ToByteArray();
            _open.Add(devices[_next], (correlation, nowMs));
            questions.Add((devices[_next++], correlation));
        }

        return questions;
    }

    /// <summary>Boxes that have had their time.</summary>
    public IReadOnlyList<BoxAnswer> Overdue(long nowMs)
    {
        string[] late = [.. _open.Where(o => nowMs - o.Value.AtMs >= patienceMs).Select(o => o.Key)];
        foreach (string device in late)
            Close(device);
        return [.. late.Select(d => new BoxAnswer(d, null, BoxAnswer.NoAnswer, null))];
    }

    /// <summary>Something came in a topic of replies. Null: it answers nothing that is open.</summary>
    public BoxAnswer? Heard(string device, byte[]? correlation, ReadOnlyMemory<byte> payload, long nowMs)
    {
        if (correlation is null || !_open.TryGetValue(device, out (byte[] Correlation, long AtMs) question) || !correlation.AsSpan().SequenceEqual(question.Correlation))
        {
            Strays++;
            return null;
        }

        Close(device);
        return Read(device, payload, nowMs - question.AtMs);
    }

    private void Close(string device)
    {
        _open.Remove(device);
        Done++;
    }

    private static BoxAnswer Read(string device, ReadOnlyMemory<byte> payload, long milliseconds)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload, s_strict);
            JsonElement root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("ok", out JsonElement ok))
            {
                if (ok.ValueKind == JsonValueKind.True && root.TryGetProperty("result", out JsonElement result))
                    return new BoxAnswer(device, OneLine(result), null, milliseconds);
                if (ok.ValueKind == JsonValueKind.False && root.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.String)
                    return new BoxAnswer(device, null, FleetReader.Clean(error.GetString()!), milliseconds);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Told below.
        }

        return new BoxAnswer(device, null, "its answer is none that docs/reference/control.md knows", milliseconds);
    }

    private static string OneLine(JsonElement element)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            element.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
