// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Capbox.Commands;

namespace Capbox.Mqtt;

/// <summary>
/// <c>cmd/NAME</c>: the commands of the control socket, for who may publish there. The same request again (requester and correlation data)
/// gets the same answer and is not carried out again. No connection here; one thread.
/// </summary>
/// <param name="commands">What there is.</param>
/// <param name="maxRememberedBytes">Of answers together.</param>
internal sealed class CommandTopics(CommandTable commands, int maxRememberedBytes = CommandTopics.MaxRememberedBytes)
{
    /// <summary>Answers that are remembered: a requester that asks again does so soon.</summary>
    public const int MaxRemembered = 256;

    /// <summary>Their bytes: lists of thousands of segments are long.</summary>
    public const int MaxRememberedBytes = 16 << 20;

    /// <summary>Longest request.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>In place of a request that is longer: it is answered as one.</summary>
    public static readonly byte[] TooLong = new byte[MaxBytes + 1];

    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 16 };
    private readonly Dictionary<string, byte[]> _answers = [];
    private readonly Queue<string> _order = new();
    private long _bytes; // of the answers

    /// <summary>
    /// Names of commands that may be asked for here. The configuration is changed by config/desired alone, where versions count.
    /// </summary>
    public IEnumerable<string> Names => commands.Specs.Where(s => !s.IsSocketOnly).Select(s => s.Name);

    /// <summary>The answer, whatever was asked.</summary>
    /// <param name="name">The command.</param>
    /// <param name="payload">A JSON object with its members; empty: none.</param>
    /// <param name="requester">Who asks.</param>
    /// <param name="correlation">Tells a request from another of the same requester; null: each is another.</param>
    /// <param name="isDuplicate">It was answered before.</param>
    public byte[] Answer(string name, ReadOnlyMemory<byte> payload, string requester, byte[]? correlation, out bool isDuplicate)
    {
        string? key = correlation is { Length: > 0 } ? $"{requester}\n{Convert.ToBase64String(correlation)}" : null;
        if (key is not null && _answers.TryGetValue(key, out byte[]? before))
        {
            isDuplicate = true;
            return before;
        }

        isDuplicate = false;
        byte[] answer = Run(name, payload, requester);
        if (key is null)
            return answer;
        _answers.Add(key, answer);
        _order.Enqueue(key);
        _bytes += answer.Length;
        while (_order.Count > MaxRemembered || (_bytes > maxRememberedBytes && _order.Count > 1))
        {
            if (_answers.Remove(_order.Dequeue(), out byte[]? oldest))
                _bytes -= oldest.Length;
        }

        return answer;
    }

    public static byte[] Error(string reason) => Encoding.UTF8.GetBytes($"{{\"ok\":false,\"error\":{JsonSerializer.Serialize(reason, MqttJson.Default.String)}}}");

    private byte[] Run(string name, ReadOnlyMemory<byte> payload, string requester)
    {
        try
        {
            if (payload.Length > MaxBytes)
                return Error($"a request is longer than {MaxBytes} bytes");
            if (commands.Find(name) is { IsSocketOnly: true })
                return Error($"{name} is not for here: publish to config/desired and config/confirm");
            using JsonDocument document = JsonDocument.Parse(payload.Length == 0 ? "{}"u8.ToArray() : payload, s_strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return Error("a request is a JSON object");
            return Encoding.UTF8.GetBytes($"{{\"ok\":true,\"result\":{commands.Run(new CommandRequest(name, document.RootElement, $"mqtt:{requester}"))}}}");
        }
        catch (RequestRefusedException e)
        {
            return Error(e.Message);
        }
        catch (JsonException)
        {
            return Error("a request is a JSON object");
        }
        catch (InvalidOperationException)
        {
            return Error("a string is not valid UTF-8");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Error(e.Message);
        }
    }
}
