using System.Text.Json;
using Capbox.Capture;
using Capbox.Ptp;

namespace Capbox.Control;

/// <summary>Carries out one command: reads its members, calls <see cref="ControlRequest.Done"/>, acts, and gives the result as JSON text of one line.</summary>
/// <exception cref="ControlException">Not carried out; the message is the answer.</exception>
internal delegate string ControlHandler(ControlRequest request);

/// <summary>The commands by name. docs/CONTROL.md is their manual; adding one is adding a line.</summary>
internal sealed class ControlCommands
{
    private const int MaxReasonLength = 200;
    private readonly Dictionary<string, ControlHandler> _handlers = [];

    /// <summary>None yet.</summary>
    public ControlCommands()
    {
    }

    /// <param name="recorder">What they work on.</param>
    /// <param name="snapshot">All counters now.</param>
    public ControlCommands(Recorder recorder, Func<BoxSnapshot> snapshot)
    {
        Add("status", request =>
        {
            request.Done();
            return JsonSerializer.Serialize(snapshot(), ControlJson.Default.BoxSnapshot);
        });
        Add("rotate", request =>
        {
            request.Done();
            recorder.RequestRotation();
            return JsonSerializer.Serialize(new RotateAnswer(Requested: true), ControlJson.Default.RotateAnswer);
        });
        Add("trigger", request =>
        {
            string reason = request.Text("reason", MaxReasonLength) ?? "";
            request.Done();
            return Trigger(recorder.Trigger(reason.Trim().Length == 0 ? "no reason given" : reason.Trim()));
        });
    }

    /// <summary>All commands.</summary>
    public IEnumerable<string> Names => _handlers.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds a command. Before the server starts.</summary>
    public void Add(string name, ControlHandler handler) => _handlers.Add(name, handler);

    /// <exception cref="ControlException">Unknown, or not carried out.</exception>
    public string Run(ControlRequest request)
    {
        if (request.Command.Length == 0)
            request.Done();
        if (!_handlers.TryGetValue(request.Command, out ControlHandler? handler))
            throw new ControlException($"$.command: there is no \"{request.Command}\"; there are {string.Join(", ", _handlers.Keys.Order(StringComparer.Ordinal))}");
        return handler(request);
    }

    private static string Trigger(TriggerResult result)
    {
        if (result.Window is not { } window)
            throw new ControlException(result.Problem ?? "not triggered");
        var answer = new TriggerAnswer(
            window.Number, result.Prolonged, Text(window.TriggeredUtcNs), Text(window.FromUtcNs), Text(window.ReachedUtcNs), Text(window.ToUtcNs),
            window.ReachedUtcNs <= window.FromUtcNs && result.Rings > 0, result.Rings);
        return JsonSerializer.Serialize(answer, ControlJson.Default.TriggerAnswer);
    }

    private static string Text(long utcNs) => new UtcTime(utcNs).ToString();
}
